//! Searching entries by words, for people who do not know a name yet.

use super::reference::Reference;
use crate::error::nearest;
use crate::registry::Spec;

impl Reference {
    /// The entries that contain all `words`, in any case, the best first: words of the name count
    /// most, then those of the summary, of the details, and of the options. A word that occurs in
    /// no entry at all may have one slip.
    pub fn find(&self, words: &str) -> Vec<&'static Spec> {
        let wanted: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let texts: Vec<Texts> = self.specs.iter().map(|spec| Texts::of(spec)).collect();
        let wanted: Vec<String> = wanted.iter().map(|word| meant(word, &texts)).collect();
        let mut found: Vec<(u32, &'static Spec)> = self
            .specs
            .iter()
            .zip(&texts)
            .filter_map(|(spec, texts)| {
                let ranks: Option<Vec<u32>> = wanted.iter().map(|word| texts.rank(word)).collect();
                Some((ranks?.iter().sum(), *spec))
            })
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, spec)| spec).collect()
    }
}

/// What is searched of an entry, in lower case, from the most to the least telling.
struct Texts {
    name: String,
    path: String,
    summary: String,
    details: String,
    options: String,
}

impl Texts {
    fn of(spec: &Spec) -> Self {
        let params = spec.inputs.iter().chain(spec.params);
        Self {
            name: spec.name.to_lowercase(),
            path: spec.path().to_lowercase(),
            summary: spec.summary().to_lowercase(),
            details: format!("{} {}", spec.details(), spec.cite).to_lowercase(),
            options: params.map(|param| param.name.to_lowercase()).collect::<Vec<_>>().join(" "),
        }
    }

    /// How far down a word is first found; less is better.
    fn rank(&self, word: &str) -> Option<u32> {
        if self.name == word || self.path == word {
            return Some(0);
        }
        let fields = [&self.name, &self.path, &self.summary, &self.details, &self.options];
        (1..).zip(fields).find(|(_, field)| field.contains(word)).map(|(rank, _)| rank)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let fields = [&self.path, &self.summary, &self.details, &self.options];
        let apart = |c: char| !c.is_alphanumeric() && c != '_';
        fields.into_iter().flat_map(move |text| text.split(apart))
    }
}

/// The word itself where some entry contains it, else the nearest word of any entry.
fn meant(word: &str, texts: &[Texts]) -> String {
    if texts.iter().any(|texts| texts.rank(word).is_some()) {
        return word.to_owned();
    }
    nearest(word, texts.iter().flat_map(Texts::words)).unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Example, Home, Kind, Param};

    const fn entry(name: &'static str, doc: &'static str, params: &'static [Param]) -> Spec {
        let example = Example { code: "", shows: "" };
        let home = Home::Namespace("attack");
        Spec {
            name,
            home,
            doc,
            inputs: &[],
            params,
            returns: "attack",
            example,
            cite: "",
            version: 1,
        }
    }

    const NOISE: Spec = entry("noise", "Adds random numbers. They differ per image.", &[]);
    const PGD: Spec = entry(
        "pgd",
        "Climbs the loss. Better than noise.",
        &[Param::optional("momentum", Kind::Bool, "Keeps a part of the last step.")],
    );
    const LOSS: Spec = entry("evaluate", "Measures the loss.", &[]);

    fn found(words: &str) -> Vec<&'static str> {
        let specs = vec![&LOSS, &PGD, &NOISE];
        let reference = Reference { specs, ..Reference::default() };
        reference.find(words).into_iter().map(|spec| spec.name).collect()
    }

    #[test]
    fn a_name_ranks_before_details() {
        assert_eq!(found("noise"), ["noise", "pgd"]);
    }

    #[test]
    fn all_words_must_occur_in_any_case_and_order() {
        assert_eq!(found("LOSS climbs"), ["pgd"]);
        assert_eq!(found("climbs strangers"), [""; 0]);
    }

    #[test]
    fn options_and_namespaces_are_found() {
        assert_eq!(found("momentum"), ["pgd"]);
        assert_eq!(found("attack::noise"), ["noise"]);
        assert_eq!(found("attack").len(), 3);
    }

    #[test]
    fn one_slip_is_forgiven_where_no_entry_has_the_word() {
        assert_eq!(found("nosie"), ["noise", "pgd"]);
        assert_eq!(found("momentun"), ["pgd"]);
        assert_eq!(found("xyzzy"), [""; 0]);
    }

    #[test]
    fn no_words_find_nothing() {
        assert_eq!(found("  "), [""; 0]);
    }
}

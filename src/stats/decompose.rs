//! Decomposition of a total effect into contrasts of arms.

mod adversarial_transfer;
mod contrast;
mod effect;
mod request;
mod tabulated;

use super::arms::{METRIC, REPLICATES, text};
use super::records::Records;
use super::statistic::{LEVEL, Tabulate};
use crate::error::Result;
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::table::Table;

fn build(records: &Records, args: &Args) -> Result<Table> {
    let request = request::Request::read(records, args)?;
    Ok(tabulated::table(records, &request))
}

/// `stats::decompose`.
pub const ENTRY: Entry<Tabulate> = Entry {
    spec: Spec {
        name: "decompose",
        home: Home::Namespace("stats"),
        doc: "Splits a total effect into contrasts of arms, with simultaneous intervals.\n\n\
            A contrast is a sum of arms with weights that add up to 0, e.g. #{ total: #{ pgd: 1, \
            standard: -1 } }. Its estimate is the mean over replicates, its error that of \
            randomised blocks of all arms (that of the contrast alone where cells are missing). \
            First come contrasts of the mean over all remaining axes (targets), with `without` \
            those of the mean without each of three targets or more, then those of each \
            target. Intervals are simultaneous (Bonferroni) over the contrasts of a target, p is \
            corrected by Holm over them. That the `parts` add up to `total` is checked, and the \
            residual printed with the path that they take from arm to arm: along another one the \
            split would differ. A share of the total (Fieller) is shown only where the total lies \
            two half-widths of its interval from zero, and not at all with `shares` false, as for a \
            total that is no gain. `checks` names for a contrast a metric \
            whose contrast must lie above zero; where it does not, the contrast is not separated \
            from what it controls for.\n\n\
            The preset \"adversarial_transfer\" has those of PGD's gain: perturbation, structure, \
            input, label and adaptivity, which add up, and competitors of the same budget. They \
            name the arms standard, noise, other_class, within_class, random_sign, same (the yoked \
            followers), pgd, compute_matched, frozen_pgd, grad_norm and damage_matched; `levels` \
            says which level of `by` plays which, and what is not there is left out. Without \
            followers, same: \"pgd\" closes the two by two. From standard over noise to other_class \
            the parts are sequential; only input and label, the main effects of the two by two, \
            depend on no order.",
        inputs: &[Param::input("cells", Kind::Handle("cells"), "The cells of a grid.")],
        params: &[
            Param::choice("preset", &["adversarial_transfer"], "Contrasts that have a name."),
            Param::optional("contrasts", Kind::Any, "Others: a map of maps of weights."),
            Param::optional("levels", Kind::Any, "A map from arms of the preset to levels."),
            Param::optional("total", Kind::Text, "Contrast that the parts add up to."),
            Param::optional("parts", Kind::Texts, "Contrasts that add up to the total."),
            Param::optional("checks", Kind::Any, "A map from contrasts to metrics."),
            text("by", "arm", "Axis of the arms."),
            METRIC,
            Param::choice("scale", &["plain", "logit"], "Whether shares become log odds first."),
            Param::bool("shares", true, "Whether shares of the total are shown, where it is clear."),
            Param::bool(
                "without",
                false,
                "Whether the mean is given without each target, too, to see whether one carries it.",
            ),
            REPLICATES,
            LEVEL,
        ],
        returns: "table",
        example: Example {
            code: "let accuracy = #{ standard: [0.50, 0.52, 0.51], noise: [0.51, 0.52, 0.53], pgd: \
                   [0.56, 0.59, 0.58] };\n\
                   let cells = sweep::grid(#{ arm: [\"standard\", \"noise\", \"pgd\"], seed: 0..3 }, \
                   |c| #{ accuracy: accuracy[c.arm][c.seed] });\n\
                   stats::decompose(cells, #{ total: \"total\", parts: [\"noise\", \"direction\"], \
                   contrasts: #{ total: #{ pgd: 1, standard: -1 }, noise: #{ noise: 1, standard: -1 \
                   }, direction: #{ pgd: 1, noise: -1 } } })",
            shows: "\
decomposition of accuracy, paired by seed
contrast   difference (points)  95 % simultaneous CI  n  df  p (Holm)  share of total  manipulation check
----------------------------------------------------------------------------------------------------------
total                    +6.67          [4.51, 8.82]  3   4    <0.001               -  -
direction                +5.67          [3.51, 7.82]  3   4    <0.001  85 % [57, 121]  -
noise                    +1.00         [-1.16, 3.16]  3   4     0.140  15 % [-21, 43]  -
- error pooled over all arms in randomised blocks of seed; intervals hold together over the 3 \
contrasts of a row group (Bonferroni), p (Holm) over the same
- total = pgd - standard
- direction = pgd - noise
- noise = noise - standard
- total = noise + direction exactly; residual below 1e-12
- the split is that of these parts; along another path from arm to arm it would differ
- a share is shown where the total lies two half-widths of its interval from zero
- what this does not show: effects of other targets, recipes and sizes of network; a contrast that \
is not separated, or not matched, does not mean what it is called",
        },
        cite: "",
        version: 2,
    },
    build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::registry::Value;
    use crate::seed::Stream;
    use crate::stats::Metric;
    use crate::stats::fixture::{CellsFixture, assert_near, shown};
    use crate::stats::records::tests::grid;

    const ARMS: &[&str] =
        &["standard", "noise", "other_class", "within_class", "random_sign", "same", "pgd"];
    const AXES: &[(&str, &[&str])] =
        &[("arm", ARMS), ("target", &["x", "y"]), ("seed", &["0", "1", "2", "3"])];
    const SPEC: Spec = Spec { inputs: &[], ..ENTRY.spec };

    fn decompose(records: &Records, options: &[(&str, Value)]) -> Result<Table> {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let args = Args::resolve(&SPEC, vec![], options.collect())?;
        build(records, &args)
    }

    fn map(items: &[(&str, Value)]) -> Value {
        Value::Map(items.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    /// Arms by effect: perturbation 1, structure 2, input 4, label 8, adaptivity 16, interaction 3.
    fn known(noise: f64) -> Records {
        let mut draw = Stream::new(0, "decompose").generator();
        let errors: Vec<f64> = (0..7 * 2 * 4).map(|_| f64::from(draw.normal())).collect();
        grid(AXES, "loss", |at| {
            let arm = [0.0, 1.0, 3.0, 9.5, 5.5, 15.0, 31.0][at[0]];
            let shared = 100.0 * at[1] as f64 + 10.0 * at[2] as f64;
            arm + shared + noise * errors[at[0] * 8 + at[1] * 4 + at[2]]
        })
    }

    fn column<'t>(table: &'t Table, row: usize, name: &str) -> &'t str {
        let place = table.columns.iter().position(|column| column.name == name).unwrap();
        &table.rows[row][place]
    }

    #[test]
    fn known_effects_are_found_and_add_up() {
        let table = decompose(&known(0.0), &[("metric", Value::from("loss"))]).unwrap();
        let found: Vec<(&str, &str)> = (0..7)
            .map(|row| (column(&table, row, "contrast"), column(&table, row, "difference")))
            .collect();
        let expected = [
            ("total", "+31.00"),
            ("perturbation", "+1.000"),
            ("structure", "+2.000"),
            ("input", "+4.000"),
            ("label", "+8.000"),
            ("adaptivity", "+16.00"),
            ("input x label", "+3.000"),
        ];
        assert_eq!(found, expected);
        // The mean over both targets, then each.
        assert_eq!(table.rows.len(), 21);
        assert_eq!(column(&table, 7, "target"), "x");
    }

    #[test]
    fn the_mean_without_each_target_is_that_of_the_others() {
        let axes: [(&str, &[&str]); 3] =
            [("arm", ARMS), ("target", &["x", "y", "z"]), ("seed", &["0", "1"])];
        let records = grid(&axes, "loss", |at| {
            let gain = if ARMS[at[0]] == "pgd" { [1.0, 2.0, 6.0][at[1]] } else { 0.0 };
            gain + 0.5 * at[2] as f64
        });
        let rows = |without| {
            let options = [("metric", Value::from("loss")), ("without", Value::Bool(without))];
            let table = decompose(&records, &options).unwrap();
            let total = |row: &usize| column(&table, *row, "contrast") == "total";
            let totals = (0..table.rows.len()).filter(total);
            let found = totals.map(|row| {
                let [target, value] =
                    ["target", "difference"].map(|name| column(&table, row, name));
                format!("{target} {value}")
            });
            found.collect::<Vec<_>>()
        };
        let (mean, each) = (["(mean) +3.000"], ["x +1.000", "y +2.000", "z +6.000"]);
        assert_eq!(rows(false), [&mean[..], &each].concat());
        let others = ["(without x) +4.000", "(without y) +3.500", "(without z) +1.500"];
        assert_eq!(rows(true), [&mean[..], &others, &each].concat());
    }

    #[test]
    fn the_identity_holds_for_any_numbers_and_its_residual_is_printed() {
        let notes = decompose(&known(7.0), &[("metric", Value::from("loss"))]).unwrap().notes;
        let said = "total = perturbation + structure + input + label + adaptivity exactly; residual \
                    below 1e-12";
        assert!(notes.iter().any(|note| note == said), "{notes:?}");
        assert!(notes.iter().any(|note| note.contains("beyond the damage")), "{notes:?}");
    }

    #[test]
    fn the_path_of_the_parts_is_told_by_the_names_of_the_levels() {
        let told = |options: &[(&str, Value)]| {
            let mut records = known(0.0);
            records.axes[0].levels[2] = "others".to_owned();
            let notes = decompose(&records, options).unwrap().notes;
            notes.into_iter().find(|note| note.contains("path"))
        };
        let metric = ("metric", Value::from("loss"));
        let renamed = ("levels", map(&[("other_class", Value::from("others"))]));
        let preset = told(&[metric.clone(), renamed]).unwrap();
        assert!(
            preset.starts_with("path: standard > noise > others > same > pgd, one"),
            "{preset}"
        );
        assert!(preset.contains("only input and label"), "{preset}");
        // Without other_class the parts do not add up, and there is no path.
        assert_eq!(told(&[metric]), None);
    }

    #[test]
    fn the_table_shows_what_statsmodels_found() {
        for case in CellsFixture::read().decompositions {
            let seeds = &["0", "1", "2", "3", "4", "5"][..case.values[0].len()];
            let axes = [("arm", ARMS), ("seed", seeds)];
            let records = grid(&axes, "loss", |at| case.values[at[0]][at[1]]);
            let options = [("metric", Value::from("loss")), ("level", Value::from(case.level))];
            let table = decompose(&records, &options).unwrap();
            assert_eq!(table.rows.len(), case.contrasts.len());
            let heading = format!("{} % simultaneous CI", 100.0 * case.level);
            for (row, expected) in case.contrasts.iter().enumerate() {
                let numbers = ["difference", &heading].map(|name| shown(column(&table, row, name)));
                let expected_numbers = [expected.estimate, expected.low, expected.high];
                for (found, number) in numbers.concat().iter().zip(expected_numbers) {
                    assert!((found - number).abs() <= 6e-4 * number.abs(), "{found} for {number}");
                }
                match column(&table, row, "p (Holm)") {
                    "<0.001" => assert!(expected.holm < 0.001),
                    p => assert_near(shown(p)[0], expected.holm, 6e-4, "p (Holm)"),
                }
            }
        }
    }

    #[test]
    fn a_contrast_whose_check_fails_is_not_separated() {
        let mut records = known(0.1);
        for row in &mut records.rows {
            // Shuffling within the class raises the loss no more than across classes.
            let rise = [0.0, 0.01, 0.5, 0.5, 0.5, 1.0, 1.5][row.levels[0]];
            let rise = rise + 0.01 * (row.levels[0] * row.levels[2] % 3) as f64;
            row.metrics.insert("loss_increase".to_owned(), Metric::Number(rise));
            row.metrics
                .insert("norm".to_owned(), Metric::Number(f64::from(row.levels[0] > 0) * 0.9));
        }
        let checks =
            map(&[("label", Value::from("flat")), ("input", Value::from("loss_increase"))]);
        let options = [("metric", Value::from("loss")), ("checks", checks)];
        for row in &mut records.rows {
            row.metrics.insert("flat".to_owned(), Metric::Number(-0.1 * row.levels[2] as f64));
        }
        let table = decompose(&records, &options).unwrap();
        let check = |row| column(&table, row, "manipulation check");
        assert_eq!(check(1), "holds: norm +0.9000");
        assert!(check(3).starts_with("holds: loss_increase"), "{}", check(3));
        assert_eq!(check(4), "not separated: flat 0");
        assert_eq!(check(5), "not checked: no robust_accuracy");
    }

    #[test]
    fn shares_are_shown_of_a_clear_total_only() {
        let options = [("metric", Value::from("loss"))];
        let clear = decompose(&known(0.1), &options).unwrap();
        assert!(column(&clear, 3, "share of total").starts_with("13 % ["));
        assert_eq!(column(&clear, 6, "share of total"), "-");
        let unclear = decompose(&known(20.0), &options).unwrap();
        assert!((0..7).all(|row| column(&unclear, row, "share of total") == "-"));
        let options = [("metric", Value::from("loss")), ("shares", Value::Bool(false))];
        let left_out = decompose(&known(0.1), &options).unwrap();
        assert!(left_out.columns.iter().all(|column| column.name != "share of total"));
        assert_eq!(left_out.rows[0].len(), left_out.columns.len());
        assert!(left_out.notes.iter().all(|note| !note.contains("share is")));
    }

    #[test]
    fn what_does_not_go_together_is_refused_at_its_option() {
        let records = known(0.0);
        let refused = |more: &[(&str, Value)]| -> Error {
            let mut options = vec![("metric", Value::from("loss"))];
            options.extend_from_slice(more);
            decompose(&records, &options).unwrap_err()
        };
        let weights = |a: i64, b: i64| map(&[("pgd", Value::Int(a)), ("noise", Value::Int(b))]);
        let two = map(&[("total", weights(1, -1)), ("half", weights(2, -2))]);
        let parts = Value::List(vec![Value::from("half")]);
        let total = ("total", Value::from("total"));
        let cases = [
            ("contrasts", refused(&[("contrasts", map(&[("total", weights(1, -2))]))])),
            ("contrasts", refused(&[("contrasts", Value::from("mine"))])),
            ("preset", refused(&[("preset", Value::from("mine"))])),
            ("parts", refused(&[("contrasts", two.clone()), total, ("parts", parts)])),
            ("total", refused(&[("contrasts", two.clone()), ("total", Value::from("all"))])),
            ("checks", refused(&[("checks", map(&[("labl", Value::from("norm"))]))])),
            ("levels", refused(&[("levels", map(&[("pdg", Value::from("pgd"))]))])),
            ("levels", refused(&[("levels", map(&[("pgd", Value::from("mine"))]))])),
            ("by", refused(&[("by", Value::from("arms"))])),
        ];
        for (key, error) in cases {
            assert_eq!(error.key(), Some(key), "{error}");
        }
    }

    #[test]
    fn log_odds_are_taken_before_anything_else() {
        let axes: &[(&str, &[&str])] = &[("arm", &["standard", "pgd"]), ("seed", &["0", "1"])];
        let records = grid(axes, "accuracy", |at| [[0.5, 0.5], [0.75, 0.9]][at[0]][at[1]]);
        let total = map(&[("total", map(&[("pgd", Value::Int(1)), ("standard", Value::Int(-1))]))]);
        let options = [("contrasts", total), ("scale", Value::from("logit"))];
        let table = decompose(&records, &options).unwrap();
        let expected = (3f64.ln() + 9f64.ln()) / 2.0;
        assert_eq!(column(&table, 0, "difference"), format!("+{expected:.3}"));
    }
}

//! The texts that a session ran, as one file after another: a line says which text it belongs to,
//! so that an error in a function of an earlier entry points at that entry.

use super::modules::Sources;
use rhai::Position;
use std::rc::Rc;

/// Rhai counts lines in 16 bits.
const LINES: usize = 60_000;

/// One text.
#[derive(Debug, Clone)]
pub struct Text {
    /// A path, or which entry of the prompt it is.
    pub name: Rc<str>,
    /// What it says.
    pub source: Rc<str>,
    /// The lines before it in the session.
    first: usize,
}

/// The texts of a session, in order.
#[derive(Debug, Default)]
pub struct Texts {
    texts: Vec<Text>,
    lines: usize,
    /// The texts of imported modules, by the path that errors show.
    pub modules: Sources,
}

impl Texts {
    /// Adds a text and returns how many lines it must be moved down before it is compiled.
    pub fn add(&mut self, name: &str, source: &str) -> usize {
        let lines = source.split('\n').count();
        if self.lines + lines > LINES {
            self.texts.clear();
            self.lines = 0;
        }
        let first = self.lines;
        self.texts.push(Text { name: name.into(), source: source.into(), first });
        self.lines += lines;
        first
    }

    /// The text of a line and the place in it.
    pub fn find(&self, position: Position) -> Option<(&Text, Position)> {
        let line = position.line()?;
        let text = self.texts.iter().rev().find(|text| text.first < line)?;
        let line = u16::try_from(line - text.first).ok()?;
        let column = u16::try_from(position.position().unwrap_or(0)).unwrap_or(u16::MAX);
        Some((text, Position::new(line, column)))
    }

    /// The text that runs now.
    pub fn last(&self) -> Option<&Text> {
        self.texts.last()
    }

    /// Whether `module` is the path of a module that was imported.
    pub fn is_module(&self, module: &str) -> bool {
        self.modules.borrow().contains_key(module)
    }

    /// The place that an error names: in the module of a path, or else in the texts of the
    /// session.
    pub fn place(&self, module: &str, position: Position) -> Option<(Text, Position)> {
        let Some(source) = self.modules.borrow().get(module).cloned() else {
            return self.find(position).map(|(text, place)| (text.clone(), place));
        };
        let text = Text { name: module.into(), source, first: 0 };
        (!position.is_none()).then_some((text, position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_belongs_to_the_text_that_was_added_with_it() {
        let mut texts = Texts::default();
        assert_eq!(texts.add("entry 1", "let a = 1;\nlet b = 2;"), 0);
        assert_eq!(texts.add("entry 2", "fn f() {\n1\n}\n"), 2);
        assert_eq!(texts.add("entry 3", "f()"), 6);
        let found = |line| {
            let (text, place) = texts.find(Position::new(line, 4)).unwrap();
            (text.name.to_string(), place.line().unwrap(), place.position().unwrap())
        };
        assert_eq!(found(2), ("entry 1".to_owned(), 2, 4));
        assert_eq!(found(4), ("entry 2".to_owned(), 2, 4));
        assert_eq!(found(7), ("entry 3".to_owned(), 1, 4));
        assert!(texts.find(Position::NONE).is_none());
    }

    #[test]
    fn a_long_session_starts_again_before_rhai_loses_count() {
        let mut texts = Texts::default();
        for _ in 0..3 {
            assert!(texts.add("long", &"\n".repeat(25_000)) + 25_001 <= 65_535);
        }
        assert_eq!(texts.add("next", "1"), 25_001);
    }
}

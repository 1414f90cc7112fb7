//! What attacks cost.

/// What one attack costs per image, in passes through a network; less where images that are
/// misclassified already drop out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Forward passes.
    pub forwards: i64,
    /// Backward passes to the images.
    pub backwards: i64,
    /// Those of both that do not go through the network under attack.
    pub elsewhere: Elsewhere,
}

/// Passes through a network of the attack's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Elsewhere {
    /// Forward and backward passes.
    pub passes: i64,
    /// The multiplications of all of them.
    pub multiplications: i64,
}

impl Cost {
    /// Passes through the network under attack.
    pub const fn of(forwards: i64, backwards: i64) -> Self {
        Self { forwards, backwards, elsewhere: Elsewhere { passes: 0, multiplications: 0 } }
    }

    /// That of `count` runs, each with a forward pass more.
    pub(super) fn runs(self, count: i64) -> Self {
        Self {
            forwards: count * (self.forwards + 1),
            backwards: count * self.backwards,
            elsewhere: Elsewhere {
                passes: count * self.elsewhere.passes,
                multiplications: count * self.elsewhere.multiplications,
            },
        }
    }

    /// The same passes through a frozen network of so many multiplications, but for those that
    /// are elsewhere already.
    pub(super) fn through(self, multiplications: i64) -> Self {
        let passes = self.forwards + self.backwards;
        let moved = (passes - self.elsewhere.passes) * multiplications;
        let multiplications = self.elsewhere.multiplications + moved;
        Self { elsewhere: Elsewhere { passes, multiplications }, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_elsewhere_once_and_as_often_as_runs_repeat_them() {
        let cost = Cost::of(4, 3).through(10);
        assert_eq!(cost.elsewhere, Elsewhere { passes: 7, multiplications: 70 });
        // A second network has nothing of what goes through the first.
        assert_eq!(cost.through(1000), cost);
        let runs = cost.runs(5);
        assert_eq!((runs.forwards, runs.backwards), (25, 15));
        assert_eq!(runs.elsewhere, Elsewhere { passes: 35, multiplications: 350 });
        // But for the pass after each run.
        let elsewhere = runs.through(1000).elsewhere;
        assert_eq!(elsewhere, Elsewhere { passes: 40, multiplications: 5350 });
    }
}

//! The style of pages, for light and dark screens and for paper.

use crate::plot::{Colour, Ink};
use std::fmt::Write as _;

const RULES: &str = "
body{margin:0;background:var(--paper);color:var(--text);
font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
main{max-width:66rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.75rem;line-height:1.25;margin:0 0 .75rem}
h2{font-size:1.2rem;margin:2.75rem 0 .75rem;padding-top:1rem;border-top:1px solid var(--line)}
.lead{white-space:pre-line;color:var(--muted);margin:0 0 1.25rem}
.words{max-width:46rem;margin:.75rem 0}
.scale{border-left:4px solid var(--accent);background:var(--shade);padding:.6rem 1rem;margin:1rem 0}
figure{margin:1.5rem 0}
figure svg{display:block;max-width:100%;min-width:44rem;height:auto}
p,li,h1,h2,figcaption,summary{overflow-wrap:anywhere}
figcaption,.notes{color:var(--muted);font-size:.875rem}
figcaption{margin-top:.5rem}
.notes{margin:.5rem 0 0;padding-left:1.1rem}
.wide{overflow-x:auto}
div+.wide,ul+.wide,h2+.wide{margin-top:1.75rem}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding-bottom:.4rem;white-space:nowrap}
th,td{text-align:left;padding:.25rem 1.1rem .25rem 0;white-space:nowrap;vertical-align:baseline}
thead th{border-bottom:1.5px solid var(--muted);font-weight:600}
tbody tr+tr>*{border-top:1px solid var(--line)}
.number{text-align:right}
.number:last-child{padding-right:0}
.same{opacity:.6}
.sorted .same{opacity:1}
[aria-sort],th[tabindex]{cursor:pointer}
[aria-sort=ascending]::after{content:\" \\2191\"}
[aria-sort=descending]::after{content:\" \\2193\"}
.pairs th{font-weight:400;color:var(--muted)}
.pairs td{white-space:normal;overflow-wrap:anywhere}
details{margin:.5rem 0}
summary{cursor:pointer}
pre{overflow-x:auto;background:var(--shade);padding:.8rem 1rem;font-size:.8rem;line-height:1.45}
@media print{main{max-width:none;padding:0}figure,tr{break-inside:avoid}figure svg{min-width:0}
table{font-size:.6rem}th,td{padding-right:.5rem}.wide{overflow:visible}}
";

/// Style rules of a page; pictures take the colours that suit the screen.
pub(super) fn rules() -> String {
    let mut rules = String::from(":root{color-scheme:light dark;");
    variables(&mut rules, Ink::light, "#F4F6F8");
    rules.push('}');
    rules.push_str(RULES);
    rules.push_str("@media screen and (prefers-color-scheme:dark){\n:root{");
    variables(&mut rules, Ink::dark, "#1F242B");
    rules.push_str("}\n");
    for ink in Ink::all() {
        let (light, dark) = (hex(ink.light()), hex(ink.dark()));
        for part in ["fill", "stroke"] {
            let _ = writeln!(rules, "svg [{part}=\"{light}\"]{{{part}:{dark}}}");
        }
    }
    rules.push_str("}\n");
    rules
}

fn variables(rules: &mut String, colour: fn(Ink) -> Colour, shade: &str) {
    let named = [
        ("paper", Ink::Paper),
        ("text", Ink::Text),
        ("muted", Ink::Muted),
        ("line", Ink::Faint),
        ("accent", Ink::Series(0)),
    ];
    for (name, ink) in named {
        let _ = write!(rules, "--{name}:{};", hex(colour(ink)));
    }
    let _ = write!(rules, "--shade:{shade}");
}

/// The form in which plotters writes colours.
fn hex((red, green, blue): Colour) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_ink_has_a_colour_of_its_own_that_the_dark_page_can_replace() {
        let light: BTreeSet<String> = Ink::all().into_iter().map(|ink| hex(ink.light())).collect();
        assert_eq!(light.len(), Ink::all().len());
    }
}

//! The frame of every page: one file that loads nothing.

use super::style;

/// A page with `title`; `rules` follow the rules that all pages share, `script` may be empty, and
/// `body` is HTML.
pub fn framed(title: &str, rules: &str, script: &str, body: &str) -> String {
    let title = escaped(title);
    let (allowed, script) = match script {
        "" => ("", String::new()),
        script => (";script-src 'unsafe-inline'", format!("<script>\n{script}</script>\n")),
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none';img-src data:;style-src 'unsafe-inline'{allowed}\">\n\
         <title>{title}</title>\n<style>\n{}{rules}</style>\n</head>\n<body>\n{body}{script}\
         </body>\n</html>\n",
        style::rules()
    )
}

/// Text as HTML, inside elements and attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

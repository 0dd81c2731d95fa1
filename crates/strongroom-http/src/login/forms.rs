//! The two forms by which somebody signs in: his password, and then his second factor.

use std::fmt::Write;

use crate::pay::escaped;
use crate::v1::entering::Methods;

/// Where a form goes, and what it takes along unseen.
pub(crate) struct Target<'a> {
    pub action: &'static str,
    pub hidden: &'a [(&'a str, &'a str)],
}

impl Target<'_> {
    /// The beginning of a form; `more` stands in its tag.
    pub fn form(&self, more: &str) -> String {
        let mut html = format!("<form method=\"post\" action=\"{}\"{more}>", self.action);
        for (name, value) in self.hidden {
            // Writing to a string has no error to give.
            let _ = write!(
                html,
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                escaped(value)
            );
        }
        html
    }

    /// The first step; `email` is what was typed before.
    pub fn password(&self, email: &str) -> String {
        format!(
            "{}<div><label for=\"email\">E-mail address</label><input id=\"email\" name=\"email\" type=\"email\" \
             autocomplete=\"username\" maxlength=\"254\" required value=\"{}\"></div>\
             <div><label for=\"password\">Password</label><input id=\"password\" name=\"password\" type=\"password\" \
             autocomplete=\"current-password\" maxlength=\"128\" required></div><button type=\"submit\">Sign in</button></form>",
            self.form(""),
            escaped(email),
        )
    }

    /// The second step: a passkey where the browser knows one, and a code where there is one to type.
    pub fn factor(&self, methods: &Methods) -> String {
        let mut html = String::new();
        if let Some(question) = &methods.passkey {
            let question = escaped(&question.to_string());
            html.push_str(&self.form(&format!(" data-get=\"{question}\" hidden")));
            html.push_str(PASSKEY);
            html.push_str("<button type=\"submit\">Use a passkey</button></form>");
            html.push_str("<noscript><p>A passkey needs the script of this page, which your browser does not run.</p></noscript>");
        }
        if methods.code {
            let class = match methods.passkey {
                Some(_) => " class=\"other\"",
                None => "",
            };
            let _ = write!(
                html,
                "{}<div><label for=\"code\">Security code <i>(of your authenticator, or a recovery code)</i></label>{CODE}</div>\
                 <button{class} type=\"submit\">Continue</button></form>",
                self.form("")
            );
        }
        html
    }
}

/// What a passkey answers goes into this field; what is said when it did not.
pub(crate) const PASSKEY: &str = "<input type=\"hidden\" name=\"passkey\">\
    <p class=\"fault\" role=\"alert\" hidden>The passkey was not used. Try again, or use another way.</p>";

/// Where a code is typed.
pub(crate) const CODE: &str = "<input id=\"code\" name=\"code\" autocomplete=\"one-time-code\" autocapitalize=\"none\" \
    spellcheck=\"false\" maxlength=\"64\" required>";

/// What was wrong with the last try.
pub(crate) fn alert(fault: Option<&str>) -> String {
    fault.map_or_else(String::new, |fault| {
        let fault = escaped(fault);
        format!("<div class=\"alert\" role=\"alert\"><p>{fault}</p></div>")
    })
}

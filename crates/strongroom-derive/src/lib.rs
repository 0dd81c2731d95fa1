//! `#[derive(Classified)]`: every field of a stored or published body says which data class it has.
//!
//! The class decides sealing, masking, export and retention, so a field without `#[class(…)]` does not compile, and
//! neither does a field whose class its part may not hold: `#[part(business)]` takes no personal data,
//! `#[part(personal)]` nothing but personal and operational data, `#[part(event)]` neither personal nor highly
//! sensitive data. The derive also writes a `Debug` that shows operational fields only.
//! The classes themselves stand in `strongroom_types::class`.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Result, parse_macro_input};

/// Derives `strongroom_types::class::Classified` and a masking `Debug` for a struct with named fields.
#[proc_macro_derive(Classified, attributes(class, part))]
pub fn classified(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

fn expand(input: &DeriveInput) -> Result<Tokens> {
    let part = part_of(input)?;
    let Data::Struct(body) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "`Classified` is for structs",
        ));
    };
    let Fields::Named(fields) = &body.fields else {
        return Err(Error::new_spanned(
            &input.ident,
            "`Classified` needs named fields",
        ));
    };
    let mut rows = Vec::new();
    let mut shown = Vec::new();
    for field in &fields.named {
        let Some(ident) = &field.ident else { continue };
        let class = class_of(field)?;
        check(&part, &class)?;
        let variant = variant_of(&class)?;
        let text = ident.to_string();
        rows.push(quote!(::strongroom_types::class::FieldClass {
            name: #text,
            class: ::strongroom_types::class::Class::#variant,
        }));
        shown.push(if class == "operational" {
            quote!(.field(#text, &self.#ident))
        } else {
            let mask = format!("<{class}>");
            quote!(.field(#text, &::core::format_args!(#mask)))
        });
    }
    let name = &input.ident;
    let label = name.to_string();
    let part = format_ident!("{}", capital(&part.to_string()));
    Ok(quote! {
        impl ::strongroom_types::class::Classified for #name {
            const PART: ::strongroom_types::class::Part = ::strongroom_types::class::Part::#part;
            const FIELDS: &'static [::strongroom_types::class::FieldClass] = &[#(#rows),*];
        }
        impl ::core::fmt::Debug for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#label)#(#shown)*.finish()
            }
        }
    })
}

fn part_of(input: &DeriveInput) -> Result<Ident> {
    let attribute = input.attrs.iter().find(|a| a.path().is_ident("part"));
    let Some(attribute) = attribute else {
        return Err(Error::new_spanned(
            &input.ident,
            "say `#[part(business | personal | event)]`",
        ));
    };
    let part: Ident = attribute.parse_args()?;
    match part.to_string().as_str() {
        "business" | "personal" | "event" => Ok(part),
        _ => Err(Error::new_spanned(
            part,
            "a part is `business`, `personal` or `event`",
        )),
    }
}

fn class_of(field: &Field) -> Result<Ident> {
    let attribute = field.attrs.iter().find(|a| a.path().is_ident("class"));
    match attribute {
        Some(attribute) => attribute.parse_args(),
        None => Err(Error::new_spanned(
            field,
            "an unclassified field: say `#[class(highly_sensitive | sensitive | personal | operational)]`",
        )),
    }
}

fn check(part: &Ident, class: &Ident) -> Result<()> {
    let allowed: &[&str] = match part.to_string().as_str() {
        "business" => &["highly_sensitive", "sensitive", "operational"],
        "personal" => &["personal", "operational"],
        _ => &["sensitive", "operational"],
    };
    if allowed.iter().any(|a| class == a) {
        return Ok(());
    }
    Err(Error::new_spanned(
        class,
        format!("a {part} part may not hold {class} data"),
    ))
}

fn variant_of(class: &Ident) -> Result<Ident> {
    let variant = match class.to_string().as_str() {
        "highly_sensitive" => "HighlySensitive",
        "sensitive" => "Sensitive",
        "personal" => "Personal",
        "operational" => "Operational",
        _ => return Err(Error::new_spanned(class, "no such class")),
    };
    Ok(format_ident!("{variant}"))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

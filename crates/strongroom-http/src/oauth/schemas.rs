//! Schemas of what clients send and are answered.

use serde_json::{Value as Schema, json};

use crate::schema;
use crate::v1::restrictions::limits_schema;

/// How a client shows who it is, in the body.
fn shown() -> Vec<(&'static str, Schema)> {
    vec![
        ("client_id", schema::text()),
        ("client_secret", schema::text()),
        ("client_assertion", schema::text()),
        ("client_assertion_type", schema::text()),
    ]
}

/// A form: what it does not know it passes over (RFC 6749, section 3.2).
fn form(required: &[&str], mut fields: Vec<(&'static str, Schema)>) -> Schema {
    fields.extend(shown());
    let mut form = schema::object(required, fields);
    if let Some(members) = form.as_object_mut() {
        members.insert("additionalProperties".into(), json!(true));
    }
    form
}

pub(crate) fn token_request() -> Schema {
    let fields = vec![
        (
            "grant_type",
            schema::one_of(&["authorization_code", "client_credentials", "refresh_token"]),
        ),
        ("scope", schema::text()),
        ("code", schema::text()),
        ("redirect_uri", schema::text()),
        ("code_verifier", schema::text()),
        ("refresh_token", schema::text()),
        ("authorization_details", schema::text()),
    ];
    form(&["grant_type"], fields)
}

/// What a client asks a person for.
pub(crate) fn pushed_request() -> Schema {
    let fields = vec![
        ("response_type", schema::one_of(&["code"])),
        ("redirect_uri", schema::text()),
        ("scope", schema::text()),
        ("state", schema::text()),
        ("code_challenge", schema::text()),
        ("code_challenge_method", schema::one_of(&["S256"])),
        ("dpop_jkt", schema::text()),
        ("authorization_details", schema::text()),
    ];
    form(&["response_type"], fields)
}

pub(crate) fn pushed() -> Schema {
    schema::reply(vec![
        ("request_uri", schema::text()),
        ("expires_in", json!({"type": "integer"})),
    ])
}

/// The forms of the pages.
pub(crate) fn page_form() -> Schema {
    let fields = vec![
        ("ticket", schema::text()),
        ("email", schema::text()),
        ("password", schema::text()),
        ("halfway", schema::text()),
        ("passkey", schema::text()),
        ("code", schema::text()),
        ("answer", schema::one_of(&["allow", "refuse"])),
    ];
    schema::object(&["ticket"], fields)
}

pub(crate) fn about_token() -> Schema {
    let fields = vec![
        ("token", schema::text()),
        ("token_type_hint", schema::text()),
    ];
    form(&["token"], fields)
}

pub(crate) fn token() -> Schema {
    let token = schema::reply(vec![
        ("access_token", schema::text()),
        ("token_type", schema::one_of(&["DPoP", "Bearer"])),
        ("expires_in", json!({"type": "integer"})),
        ("scope", schema::text()),
    ]);
    let token = schema::optional(token, "refresh_token", schema::text());
    schema::optional(token, "authorization_details", details())
}

/// What somebody allowed beside scopes (RFC 9396).
fn details() -> Schema {
    let mut detail = limits_schema();
    let fields = detail.get_mut("properties").and_then(Schema::as_object_mut);
    if let Some(fields) = fields {
        fields.insert("type".to_owned(), schema::constant("payment_limit"));
    }
    schema::list(detail)
}

pub(crate) fn nothing() -> Schema {
    schema::object(&[], Vec::new())
}

pub(crate) fn introspection() -> Schema {
    let fields = vec![
        ("active", json!({"type": "boolean"})),
        ("scope", schema::text()),
        ("client_id", schema::id("client")),
        ("token_type", schema::one_of(&["DPoP", "Bearer"])),
        ("exp", json!({"type": "integer"})),
        ("sub", schema::text()),
        ("iss", schema::text()),
        ("cnf", json!({"type": "object"})),
        ("authorization_details", details()),
    ];
    schema::object(&["active"], fields)
}

pub(crate) fn metadata() -> Schema {
    let texts = || schema::list(schema::text());
    schema::reply(vec![
        ("issuer", schema::text()),
        ("authorization_endpoint", schema::text()),
        ("pushed_authorization_request_endpoint", schema::text()),
        ("token_endpoint", schema::text()),
        ("revocation_endpoint", schema::text()),
        ("introspection_endpoint", schema::text()),
        ("response_types_supported", texts()),
        ("response_modes_supported", texts()),
        ("code_challenge_methods_supported", texts()),
        (
            "authorization_response_iss_parameter_supported",
            json!({"type": "boolean"}),
        ),
        ("request_parameter_supported", json!({"type": "boolean"})),
        ("grant_types_supported", texts()),
        ("scopes_supported", texts()),
        ("authorization_details_types_supported", texts()),
        ("token_endpoint_auth_methods_supported", texts()),
        ("token_endpoint_auth_signing_alg_values_supported", texts()),
        ("revocation_endpoint_auth_methods_supported", texts()),
        (
            "revocation_endpoint_auth_signing_alg_values_supported",
            texts(),
        ),
        ("introspection_endpoint_auth_methods_supported", texts()),
        (
            "introspection_endpoint_auth_signing_alg_values_supported",
            texts(),
        ),
        ("dpop_signing_alg_values_supported", texts()),
        (
            "tls_client_certificate_bound_access_tokens",
            json!({"type": "boolean"}),
        ),
    ])
}

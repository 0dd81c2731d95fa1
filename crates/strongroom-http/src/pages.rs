//! Lists as replies: `{"data":[…],"has_more","next_cursor"}`.

use strongroom_engine::Listing;

/// Writes a page; `item` renders one element as compact JSON.
pub fn render<T>(listing: &Listing<T>, item: impl Fn(&T) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + listing.items.len() * 512);
    out.extend_from_slice(b"{\"data\":[");
    for (n, element) in listing.items.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&item(element));
    }
    let cursor = serde_json::to_string(&listing.next_cursor).unwrap_or_else(|_| "null".into());
    let end = format!(
        "],\"has_more\":{},\"next_cursor\":{cursor}}}",
        listing.has_more
    );
    out.extend_from_slice(end.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(items: Vec<u8>, next: Option<&str>) -> String {
        let listing = Listing {
            items,
            has_more: next.is_some(),
            next_cursor: next.map(str::to_owned),
        };
        String::from_utf8(render(&listing, |n| n.to_string().into_bytes())).unwrap()
    }

    #[test]
    fn pages_are_whole_json() {
        assert_eq!(
            page(vec![], None),
            r#"{"data":[],"has_more":false,"next_cursor":null}"#
        );
        assert_eq!(
            page(vec![1, 2], Some("evt_\"")),
            r#"{"data":[1,2],"has_more":true,"next_cursor":"evt_\""}"#
        );
    }
}

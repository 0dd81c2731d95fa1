//! What live payments an acquirer takes, as the installation is configured.

use std::sync::Arc;

use strongroom_types::currency::Currency;

/// The currencies in which an acquirer takes live payments; none where none is configured.
#[derive(Clone, Debug)]
pub struct LiveCards(Arc<[Currency]>);

impl LiveCards {
    pub fn new(currencies: &[Currency]) -> LiveCards {
        LiveCards(currencies.into())
    }

    /// Whether a payment in this currency has somewhere to go.
    pub fn take(&self, currency: Currency) -> bool {
        self.0.contains(&currency)
    }
}

impl Default for LiveCards {
    fn default() -> LiveCards {
        LiveCards::new(&[])
    }
}

//! Customers, products, stores and tills.

use strongroom_domain::customers::Customer;
use strongroom_domain::facts::Field;
use strongroom_domain::products::ProductBody;
use strongroom_domain::record::Record;
use strongroom_domain::stores::StoreBody;
use strongroom_domain::tills::TillBody;
use strongroom_types::id::{AnyId, ApiKeyId, CustomerId, Kind, ProductId, RawId, StoreId, TillId};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::paging::Collector;
use crate::view::payments::Looked;
use crate::view::{Listing, PageQuery, ReadFault, View};

/// Holders of one e-mail address or phone number that a list looks at.
const MOST_HOLDERS: usize = 1_000;

#[derive(Clone, Debug, Default)]
pub struct CustomerFilter {
    pub email: Option<String>,
    pub phone: Option<String>,
    pub reference_id: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct ProductFilter {
    pub sku: Option<String>,
    pub barcode: Option<String>,
    pub active: Option<bool>,
}

#[derive(Clone, Debug, Default)]
pub struct TillFilter {
    pub store: Option<StoreId>,
}

impl View<'_> {
    /// One customer.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn customer(&mut self, id: CustomerId) -> Result<Customer, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Customer(customer)) => Ok(customer),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// One product.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn product(&mut self, id: ProductId) -> Result<ProductBody, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Product(product)) => Ok(product),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// One store.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn store(&mut self, id: StoreId) -> Result<StoreBody, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Store(store)) => Ok(store),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// One till.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn till(&mut self, id: TillId) -> Result<TillBody, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Till(till)) => Ok(till),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// The till that a key belongs to, if to one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn till_of(&mut self, key: ApiKeyId) -> Result<Option<TillBody>, ReadFault> {
        if !self.shared.credentials.may_be_at_till(self.scope, key) {
            return Ok(None);
        }
        if let Some(Record::ApiKey(key)) = self.record(key.any())?
            && let Some(till) = key.till
        {
            return self.till(till).map(Some);
        }
        let holder = self.holders(Field::TillKey, &key.to_string(), 1)?;
        match holder.first().filter(|id| id.kind == Kind::Till) {
            Some(id) => self.till(TillId(id.raw)).map(Some),
            None => Ok(None),
        }
    }

    /// Customers, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn customers(
        &mut self,
        filter: &CustomerFilter,
        page: &PageQuery,
    ) -> Result<Listing<Customer>, ReadFault> {
        let cursor = page.cursor(CustomerId::parse)?.map(|id| id.0);
        let wanted = |record| match record {
            Record::Customer(customer) => Some(customer).filter(|c| fits(c, filter)),
            _ => None,
        };
        let contact = [
            (Field::CustomerEmail, filter.email.as_deref()),
            (Field::CustomerPhone, filter.phone.as_deref()),
        ];
        let contact = contact
            .iter()
            .find_map(|(field, text)| Some((*field, (*text)?)));
        let found = match contact {
            Some((field, text)) => self.held(field, text, cursor, page, wanted)?,
            None => {
                let reference = filter.reference_id.as_deref();
                let looked_for = Looked {
                    kind: Kind::Customer,
                    reference: reference.map(|text| (Field::CustomerReference, text)),
                    times: (filter.created_after, filter.created_before),
                    cursor,
                };
                self.found(&looked_for, page, wanted)?
            }
        };
        Ok(found.finish(|customer| customer.body.id.to_string()))
    }

    /// Products, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn products(
        &mut self,
        filter: &ProductFilter,
        page: &PageQuery,
    ) -> Result<Listing<ProductBody>, ReadFault> {
        let cursor = page.cursor(ProductId::parse)?.map(|id| id.0);
        let by = [
            (Field::ProductSku, filter.sku.as_deref()),
            (Field::ProductBarcode, filter.barcode.as_deref()),
        ];
        let looked_for = Looked {
            kind: Kind::Product,
            reference: by.iter().find_map(|(field, text)| Some((*field, (*text)?))),
            times: (None, None),
            cursor,
        };
        let is = |wish: &Option<String>, value: Option<&str>| {
            wish.as_deref().is_none_or(|wish| value == Some(wish))
        };
        let wanted = |product: &ProductBody| {
            filter.active.is_none_or(|active| active == product.active)
                && is(&filter.sku, Some(&product.sku))
                && is(&filter.barcode, product.barcode.as_deref())
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Product(product) => Some(product).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|product| product.id.to_string()))
    }

    /// Stores, newest first; one alone for who may see no other.
    ///
    /// # Errors
    /// As every list.
    pub fn stores(
        &mut self,
        only: Option<StoreId>,
        page: &PageQuery,
    ) -> Result<Listing<StoreBody>, ReadFault> {
        let looked_for = Looked {
            kind: Kind::Store,
            reference: None,
            times: (None, None),
            cursor: page.cursor(StoreId::parse)?.map(|id| id.0),
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Store(store) => Some(store).filter(|s| only.is_none_or(|id| id == s.id)),
            _ => None,
        })?;
        Ok(found.finish(|store| store.id.to_string()))
    }

    /// Tills, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn tills(
        &mut self,
        filter: &TillFilter,
        page: &PageQuery,
    ) -> Result<Listing<TillBody>, ReadFault> {
        let looked_for = Looked {
            kind: Kind::Till,
            reference: None,
            times: (None, None),
            cursor: page.cursor(TillId::parse)?.map(|id| id.0),
        };
        let wanted = |till: &TillBody| filter.store.is_none_or(|store| store == till.store);
        let found = self.found(&looked_for, page, |record| match record {
            Record::Till(till) => Some(till).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|till| till.id.to_string()))
    }

    /// A page of those that an indexed value leads to.
    fn held<T>(
        &mut self,
        field: Field,
        text: &str,
        cursor: Option<RawId>,
        page: &PageQuery,
        wanted: impl Fn(Record) -> Option<T>,
    ) -> Result<Collector<T>, ReadFault> {
        let backward = page.is_backward();
        let mut ids: Vec<AnyId> = self.holders(field, text, MOST_HOLDERS)?;
        ids.retain(|id| match (cursor, backward) {
            (None, _) => true,
            (Some(cursor), true) => id.raw > cursor,
            (Some(cursor), false) => id.raw < cursor,
        });
        ids.sort_unstable_by_key(|id| std::cmp::Reverse(id.raw));
        if backward {
            ids.reverse();
        }
        let mut found = Collector::new(page);
        for id in ids {
            if found.is_full() {
                break;
            }
            found.extend(self.record(id)?.and_then(&wanted));
        }
        Ok(found)
    }
}

fn fits(customer: &Customer, filter: &CustomerFilter) -> bool {
    let person = customer.person.as_ref();
    let is = |wish: &Option<String>, value: Option<&str>| {
        let folded = crate::text::folded;
        wish.as_deref()
            .is_none_or(|wish| value.is_some_and(|value| folded(wish) == folded(value)))
    };
    let reference = customer.body.reference_id.as_ref().map(|r| r.as_str());
    let created = customer.body.created_at;
    is(&filter.email, person.and_then(|p| p.email.as_deref()))
        && is(&filter.phone, person.and_then(|p| p.phone.as_deref()))
        && filter
            .reference_id
            .as_deref()
            .is_none_or(|wish| reference == Some(wish))
        && within(created, filter.created_after, filter.created_before)
}

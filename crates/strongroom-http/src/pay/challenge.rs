//! The sandbox's 3-D Secure page: it stands for the cardholder's bank, and asks whether it is he who pays.

use bytes::Bytes;
use hyper::body::Body;
use hyper::http::request::Parts;
use strongroom_domain::payments::PaymentStatus;
use strongroom_engine::{Asked, Cardholder, Failure};
use strongroom_types::id::{PaymentId, RawId};

use crate::address::network;
use crate::app::App;
use crate::edge::{Passed, allow};
use crate::json::parse_form;
use crate::parcel::Parcel;
use crate::pay::page::{self, Trouble};
use crate::pay::{Refused, check_sender, settled};
use crate::problem::Problem;
use crate::visit::Visit;

/// The payment and the challenge's key in a path.
fn parse(text: &str) -> Option<(PaymentId, RawId)> {
    let (payment, key) = text.strip_prefix("chal_")?.split_at_checked(24)?;
    Some((PaymentId(RawId::from_hex(payment)?), RawId::from_hex(key)?))
}

impl App {
    pub(super) async fn challenge(&self, visit: &mut Visit, id: &str) -> Result<Passed, Refused> {
        self.count_page(visit)?;
        let cardholder = self.cardholder(visit, id).await?;
        Ok(shown(id, &cardholder.asked().await?))
    }

    pub(super) async fn answer_challenge<B>(
        &self,
        visit: &mut Visit,
        head: &Parts,
        body: &mut Parcel<B>,
        id: &str,
    ) -> Result<Passed, Refused>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let standing = self
            .inner()
            .payers
            .count(network(visit.address), visit.time);
        allow(visit, standing)?;
        check_sender(&head.headers)?;
        let cardholder = self.cardholder(visit, id).await?;
        let body = body.read(self.settings().body_time).await?;
        let fields = parse_form(&body).map_err(|_| Refused::of(Trouble::Unreadable))?;
        let identified = match fields.as_slice() {
            [(name, value)] if name == "answer" => match value.as_str() {
                "confirm" => true,
                "refuse" => false,
                _ => return Err(Refused::of(Trouble::Unreadable)),
            },
            _ => return Err(Refused::of(Trouble::Unreadable)),
        };
        match cardholder.answer(identified, visit.envelope()).await {
            // Answered already, or too late: where it leads says what came of it.
            Ok(()) | Err(Failure::Rejected { .. }) => {}
            Err(failure) => return Err(failure.into()),
        }
        let news = cardholder.arrivals();
        settled(news, self.settings().payment_patience, || async {
            let payment = cardholder.asked().await?.payment;
            Ok(payment.status != PaymentStatus::Processing)
        })
        .await?;
        let payment = cardholder.asked().await?.payment;
        Ok(match payment.link {
            Some(link) => page::moved(&format!("/pay/{link}?attempt={}", payment.id)),
            None => page::moved(&format!("/challenges/{id}")),
        })
    }

    /// SECURITY: who tries keys is counted like who tries ids.
    async fn cardholder(&self, visit: &mut Visit, id: &str) -> Result<Cardholder, Problem> {
        self.engine().owned()?;
        let found = match parse(id) {
            Some((payment, key)) => self.engine().cardholder(payment, key).await?,
            None => None,
        };
        match found {
            Some(cardholder) => Ok(cardholder),
            None => {
                let network = self.network_of(visit.address);
                allow(
                    visit,
                    self.inner()
                        .limits
                        .unauthenticated
                        .count(network, visit.time),
                )?;
                Err(Problem::not_found())
            }
        }
    }
}

fn shown(id: &str, asked: &Asked) -> Passed {
    match (asked.open, asked.payment.link) {
        (true, _) => page::asked(id, asked),
        // The payment page tells how it went on.
        (false, Some(link)) => page::moved(&format!("/pay/{link}?attempt={}", asked.payment.id)),
        (false, None) => page::answered(asked),
    }
}

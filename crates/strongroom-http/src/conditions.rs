//! Conditions of a role that a request shows by itself: the hour, and where it comes from.

use std::sync::Arc;

use strongroom_auth::Credential;
use strongroom_domain::action::Action;
use strongroom_domain::rejection::{Code, Rejection};

use crate::app::App;
use crate::problem::Problem;
use crate::visit::Visit;

impl App {
    /// SECURITY: what a role is held to is asked before anything that its holder could be told.
    pub(crate) async fn refuse_condition(
        &self,
        visit: &Visit,
        credential: &Arc<Credential>,
    ) -> Result<(), Problem> {
        let Some(conditions) = &credential.conditions else {
            return Ok(());
        };
        let address = visit.address.to_canonical();
        let Err(condition) = conditions.admit(visit.time, address) else {
            return Ok(());
        };
        let text = format!(
            "the condition `{}` of the role `{}` forbids it",
            condition.as_str(),
            credential.role_name()
        );
        let rejection = Rejection::new(Code::ConditionNotMet, text);
        Err(self
            .refuse(visit, credential, Action::ConditionRefused, rejection)
            .await)
    }
}

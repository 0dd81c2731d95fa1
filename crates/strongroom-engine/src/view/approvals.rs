//! Approvals, the newest first, and the policies that ask for them.

use strongroom_domain::approvals::{Approval, ApprovalPolicy, Policies, policies_key};
use strongroom_domain::record::Record;
use strongroom_types::id::{ApprovalId, ApprovalPolicyId, Kind};
use strongroom_types::time::Timestamp;

use crate::view::filters::within;
use crate::view::paging::Collector;
use crate::view::payments::Looked;
use crate::view::{ApprovalFilter, Listing, PageQuery, ReadFault, View};

impl View<'_> {
    /// One approval.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn approval(&mut self, id: ApprovalId) -> Result<Approval, ReadFault> {
        match self.record(id.any())? {
            Some(Record::Approval(approval)) => Ok(approval),
            _ => Err(ReadFault::NotFound),
        }
    }

    /// Approvals as they stand at a time, newest first.
    ///
    /// # Errors
    /// As every list.
    pub fn approvals(
        &mut self,
        filter: &ApprovalFilter,
        now: Timestamp,
        page: &PageQuery,
    ) -> Result<Listing<Approval>, ReadFault> {
        let looked_for = Looked {
            kind: Kind::Approval,
            reference: None,
            times: (filter.created_after, filter.created_before),
            cursor: page.cursor(ApprovalId::parse)?.map(|id| id.0),
        };
        let wanted = |approval: &Approval| {
            let created = approval.body.created_at;
            filter
                .status
                .is_none_or(|status| status == approval.status_at(now))
                && filter.act.is_none_or(|act| act == approval.body.act)
                && within(created, filter.created_after, filter.created_before)
        };
        let found = self.found(&looked_for, page, |record| match record {
            Record::Approval(approval) => Some(approval).filter(&wanted),
            _ => None,
        })?;
        Ok(found.finish(|approval| approval.body.id.to_string()))
    }

    /// One policy.
    ///
    /// # Errors
    /// [`ReadFault::NotFound`].
    pub fn approval_policy(&mut self, id: ApprovalPolicyId) -> Result<ApprovalPolicy, ReadFault> {
        let policies = self.policies()?;
        policies.find(id).cloned().ok_or(ReadFault::NotFound)
    }

    /// Policies, newest first: they stand in one record.
    ///
    /// # Errors
    /// As every list.
    pub fn approval_policies(
        &mut self,
        page: &PageQuery,
    ) -> Result<Listing<ApprovalPolicy>, ReadFault> {
        let cursor = page.cursor(ApprovalPolicyId::parse)?;
        let mut all = self.policies()?.all;
        all.sort_by_key(|policy| policy.id);
        let mut found = Collector::new(page);
        if page.is_backward() {
            let newer = |policy: &ApprovalPolicy| cursor.is_none_or(|id| policy.id > id);
            all.into_iter().filter(newer).for_each(|p| found.push(p));
        } else {
            let older = |policy: &ApprovalPolicy| cursor.is_none_or(|id| policy.id < id);
            all.into_iter()
                .rev()
                .filter(older)
                .for_each(|p| found.push(p));
        }
        Ok(found.finish(|policy| policy.id.to_string()))
    }

    fn policies(&mut self) -> Result<Policies, ReadFault> {
        match self.record(policies_key())? {
            Some(Record::Policies(policies)) => Ok(policies),
            _ => Ok(Policies::default()),
        }
    }
}

//! Taking a bank's file in.

use strongroom_auth::permission::CreateBankFiles;
use strongroom_types::id::{BankFileId, FilePageId};
use strongroom_types::mode::Scope;

use crate::action::Action;
use crate::command::{Command, Moment};
use crate::decision::{Decision, Job, Movement, Reply};
use crate::entry::EventFact;
use crate::event::EventType;
use crate::facts::{Facts, Field, Keys};
use crate::payout_files::FilePage;
use crate::record::Record;
use crate::rejection::{Code, Rejection};
use crate::view::json;

use super::{BankFile, BankFileView, Counts, PAGE, Plan};

/// `POST /v1/bank-files`, once the file was read and planned. A plan that is a refusal is put on record as one.
pub struct ReceiveBankFile {
    pub plan: Result<Plan, Rejection>,
    pub sha256: [u8; 32],
    pub bytes: u64,
}

impl ReceiveBankFile {
    fn file(&self, plan: &Plan) -> BankFile {
        BankFile {
            id: BankFileId(strongroom_types::id::RawId::ZERO),
            kind: plan.kind,
            message_id: plan.message_id.clone(),
            about: plan.about,
            wallets: plan.wallets.clone(),
            sha256: self.sha256,
            bytes: self.bytes,
            pages: Vec::new(),
            entries: u32::try_from(plan.entries.len()).unwrap_or(u32::MAX),
            position: 0,
            counts: Counts::default(),
            created_at: strongroom_types::time::Timestamp(0),
            completed_at: None,
        }
    }
}

impl Command for ReceiveBankFile {
    type Permission = CreateBankFiles;

    fn action(&self) -> Action {
        Action::BankFileReceived
    }

    fn keys(&self, _: &Facts, _: Scope) -> Keys {
        let Ok(plan) = &self.plan else {
            return Keys::default();
        };
        let file = self.file(plan);
        Keys::default()
            .holder(Field::BankFileHash, &file.hash_text())
            .holder(Field::BankFileMessage, &file.message_text())
    }

    fn decide(&self, facts: &Facts, moment: &mut Moment) -> Result<Decision, Rejection> {
        let plan = self.plan.as_ref().map_err(Clone::clone)?;
        let mut file = self.file(plan);
        let (hash, message) = (file.hash_text(), file.message_text());
        let known = facts
            .holder(Field::BankFileHash, &hash)
            .or_else(|| facts.holder(Field::BankFileMessage, &message));
        if let Some(holder) = known {
            let text = format!("the file was received before, as `{holder}`");
            return Err(Rejection::new(Code::BankFileKnown, text));
        }

        // From here it must succeed.
        file.id = BankFileId(moment.fresh());
        file.created_at = moment.now;
        let id = file.id.any();
        let pages: Vec<FilePage> = plan
            .entries
            .chunks(PAGE)
            .map(|entries| FilePage {
                id: FilePageId(moment.fresh()),
                of: id,
                payouts: Vec::new(),
                entries: entries.to_vec(),
            })
            .collect();
        file.pages = pages.iter().map(|page| page.id).collect();
        let mut events = vec![EventFact::new(EventType::BankFileReceived, id)];
        let job = match file.is_done() {
            true => {
                file.completed_at = Some(moment.now);
                events.push(EventFact::new(EventType::BankFileCompleted, id));
                Job::BankFileDone(file.id)
            }
            false => Job::BankFile(file.id, moment.now),
        };
        let none = Movement::none();
        let mut decision = Decision::new(facts, Action::BankFileReceived, id, none, events)
            .claim(Field::BankFileHash, Some(&hash), id)
            .claim(Field::BankFileMessage, Some(&message), id)
            .detail("sha256", hash.as_str())
            .detail("entries", file.entries.to_string())
            .job(job)
            .reply(Reply::Stored(json(&BankFileView::new(&file))));
        for page in pages {
            decision = decision.change(page.id.any(), Record::FilePage(page));
        }
        Ok(decision.change(id, Record::BankFile(file)))
    }
}

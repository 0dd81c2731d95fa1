//! An acquirer with a ledger of its own, on a real socket: it approves, declines, forgets to answer, answers twice, cuts
//! connections and sends nonsense. What the server must never do to it is a violation.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use strongroom_testkit::dice::Dice;

use super::kill;
use super::wire::Wire;

/// The end of a card whose authorization is held up on its way until its reversal was answered.
const HELD: &str = "1034";

/// An authorization in its books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub minor: i64,
    pub captured: i64,
    pub refunded: i64,
    pub reversed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Calm,
    /// Everything that can go wrong on the way does, now and then.
    Rough,
}

/// Who is killed when a message comes: the first of a class, such as `022` for 0220 and 0221.
#[derive(Clone, Copy, Debug)]
struct Trap {
    class: &'static str,
    /// Its answer goes out first.
    answers: bool,
    process: u32,
}

struct Answered {
    answer: Wire,
    /// The number of the connection by which it first came.
    connection: usize,
    /// It has come as what is new.
    is_told: bool,
}

#[derive(Clone)]
pub struct Bank {
    pub address: SocketAddr,
    books: Arc<Mutex<Books>>,
}

struct Books {
    mood: Mood,
    dice: Dice,
    /// By the code of their approval.
    accounts: HashMap<String, Account>,
    /// Which approval an authorization got, by fields 7 and 11.
    approved: HashMap<(String, String), String>,
    /// Whose capture it was, and of how much, by fields 7 and 11 of that.
    captures: HashMap<(String, String), (String, i64)>,
    /// An authorization that is held up on its way.
    held: Option<Wire>,
    /// What was answered, by class, function and fields 7 and 11.
    answered: HashMap<(String, String, String), Answered>,
    violations: Vec<String>,
    /// Types, in their order.
    heard: Vec<String>,
    /// Messages of a class that are heard and not answered before one is.
    deaf_to: HashMap<&'static str, usize>,
    refuses_sign_on: bool,
    /// What it says of new captures, none of which it takes.
    refuses_captures: Option<&'static str>,
    trap: Option<Trap>,
    streams: Vec<TcpStream>,
}

impl Bank {
    pub fn start(mood: Mood, seed: u64) -> Bank {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bank = Bank {
            address: listener.local_addr().unwrap(),
            books: Arc::new(Mutex::new(Books {
                mood,
                dice: Dice::new(seed),
                accounts: HashMap::new(),
                approved: HashMap::new(),
                captures: HashMap::new(),
                held: None,
                answered: HashMap::new(),
                violations: Vec::new(),
                heard: Vec::new(),
                deaf_to: HashMap::new(),
                refuses_sign_on: false,
                refuses_captures: None,
                trap: None,
                streams: Vec::new(),
            })),
        };
        let serving = bank.clone();
        // Ends with the test's process.
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let bank = serving.clone();
                std::thread::spawn(move || bank.attend(stream, number));
            }
        });
        bank
    }

    pub fn mood(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    /// So many messages of a class, such as `042`, are not answered.
    pub fn deaf_to(&self, class: &'static str, count: usize) {
        self.lock().deaf_to.insert(class, count);
    }

    pub fn refuse_sign_on(&self, refuses: bool) {
        self.lock().refuses_sign_on = refuses;
    }

    pub fn refuse_captures(&self, code: Option<&'static str>) {
        self.lock().refuses_captures = code;
    }

    /// Has a process killed at the next message of a class: as it is heard, before it is answered, or as its answer is out.
    pub fn set_trap(&self, class: &'static str, answers: bool, process: u32) {
        self.lock().trap = Some(Trap {
            class,
            answers,
            process,
        });
    }

    /// Whether the trap is still set.
    pub fn is_trapped(&self) -> bool {
        self.lock().trap.is_some()
    }

    /// Ends every connection.
    pub fn hang_up(&self) {
        let mut books = self.lock();
        for stream in books.streams.drain(..) {
            drop(stream.shutdown(std::net::Shutdown::Both));
        }
    }

    /// The books, by approval; nothing may have been done that must not be.
    pub fn accounts(&self) -> HashMap<String, Account> {
        let books = self.lock();
        assert!(books.violations.is_empty(), "{:?}", books.violations);
        books.accounts.clone()
    }

    /// How many messages of a class came, those that were repeated once.
    pub fn different(&self, class: &str) -> usize {
        let books = self.lock();
        let keys = books.answered.keys();
        keys.filter(|(known, ..)| known == class).count()
    }

    pub fn heard(&self) -> Vec<String> {
        self.lock().heard.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(|error| error.into_inner())
    }

    /// Until the connection ends, which is no news.
    fn attend(&self, mut stream: TcpStream, number: usize) {
        let Ok(out) = stream.try_clone() else { return };
        self.lock().streams.extend(stream.try_clone());
        self.converse(&mut stream, &Arc::new(Mutex::new(out)), number);
        // The other handle holds it open else.
        drop(stream.shutdown(std::net::Shutdown::Both));
    }

    fn converse(&self, stream: &mut TcpStream, out: &Out, number: usize) {
        loop {
            let mut length = [0; 2];
            if stream.read_exact(&mut length).is_err() {
                return;
            }
            let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            let question = Wire::read(&body);
            let (answer, way, trap) = {
                let mut books = self.lock();
                let answer = books.take(&question, number);
                let way = books.way(&question);
                (answer, way, books.sprung(&question))
            };
            if let Some(trap) = trap.filter(|trap| !trap.answers) {
                kill(trap.process);
                return;
            }
            let sent = send(out, &answer, way);
            self.let_through(out, &answer);
            if let Some(trap) = trap {
                kill(trap.process);
            }
            if sent.is_none() {
                return;
            }
        }
    }
}

impl Bank {
    /// What was held up arrives once its reversal was answered, and is approved.
    fn let_through(&self, out: &Out, answer: &Wire) {
        let found_nothing = answer.mti == "0430" && answer.field(39) == "25";
        let late = {
            let mut books = self.lock();
            let held = books.held.take_if(|_| found_nothing);
            held.map(|question| {
                let minor = question.field(4).parse().unwrap();
                let (code, approval) = books.authorize(&question, minor);
                reply(&question, code, approval.as_deref())
            })
        };
        if let Some(late) = late {
            // Whoever does not hear it learns of it from the acquirer's statement.
            let _ = send(out, &late, Way::Plain);
        }
    }
}

/// How an answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    NotAtAll,
    Twice,
    /// The connection ends in the middle of it.
    CutOff,
    ByteByByte,
    AfterGarbage,
    /// Its bitmap tells of fields that do not follow.
    WrongBitmap,
    /// Somewhat late.
    Late,
}

/// Where answers go, one at a time.
type Out = Arc<Mutex<TcpStream>>;

fn send(out: &Out, answer: &Wire, way: Way) -> Option<()> {
    let bytes = answer.framed();
    if way == Way::Late {
        let out = Arc::clone(out);
        // What comes next is read meanwhile.
        std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(1_500));
            // Whoever does not hear it asks again.
            drop(out.lock().unwrap().write_all(&bytes));
        });
        return Some(());
    }
    let mut stream = out.lock().unwrap_or_else(|error| error.into_inner());
    match way {
        Way::Plain => stream.write_all(&bytes).ok(),
        Way::NotAtAll | Way::Late => Some(()),
        Way::Twice => stream.write_all(&[&bytes[..], &bytes].concat()).ok(),
        Way::CutOff => {
            stream.write_all(&bytes[..bytes.len() / 2]).ok()?;
            None
        }
        Way::ByteByByte => bytes.iter().try_for_each(|byte| {
            std::thread::park_timeout(Duration::from_millis(1));
            stream.write_all(&[*byte]).ok()
        }),
        Way::AfterGarbage => {
            let garbage = b"\x00\x0bno message!";
            stream.write_all(&[&garbage[..], &bytes].concat()).ok()
        }
        Way::WrongBitmap => {
            let mut bytes = bytes;
            bytes[8] |= 0x18;
            stream.write_all(&bytes).ok()
        }
    }
}

impl Books {
    fn sprung(&mut self, question: &Wire) -> Option<Trap> {
        self.trap
            .take_if(|trap| question.mti.starts_with(trap.class))
    }

    fn way(&mut self, question: &Wire) -> Way {
        let is_network = question.mti.starts_with("08");
        if let Some(left) = self.deaf_to.get_mut(&question.mti[..3])
            && *left > 0
        {
            *left -= 1;
            return Way::NotAtAll;
        }
        // Who never answers an authorization; the rest of its life is answered.
        let is_silent = question.mti == "0100"
            && (question.field(2).ends_with("1018") || question.field(2).ends_with(HELD));
        match self.mood {
            _ if is_silent => Way::NotAtAll,
            _ if is_network => Way::Plain,
            Mood::Calm => Way::Plain,
            Mood::Rough => match self.dice.below(28) {
                0 | 1 => Way::NotAtAll,
                2 | 3 => Way::Twice,
                4 => Way::CutOff,
                5 => Way::ByteByByte,
                6 => Way::AfterGarbage,
                7 => Way::WrongBitmap,
                8 => Way::Late,
                _ => Way::Plain,
            },
        }
    }

    fn take(&mut self, question: &Wire, connection: usize) -> Wire {
        if question.mti.starts_with("08") {
            let code = if self.refuses_sign_on { "05" } else { "00" };
            return reply(question, code, None);
        }
        self.heard.push(question.mti.clone());
        let key = (
            question.mti[..3].to_owned(),
            question.field(7).to_owned(),
            question.field(11).to_owned(),
        );
        let is_new = !question.mti.ends_with('1');
        if let Some(answered) = self.answered.get_mut(&key) {
            // A repetition by a later connection may overtake what is left of one that broke.
            let is_overtaken = !answered.is_told && connection < answered.connection;
            if is_new && !is_overtaken {
                let text = format!("{} was sent again as if it were new", question.mti);
                self.violations.push(text);
            }
            answered.is_told |= is_new;
            return answered.answer.clone();
        }
        let minor: i64 = question.field(4).parse().unwrap();
        if key.0 == "010" && question.field(2).ends_with(HELD) {
            self.held = Some(question.clone());
            return reply(question, "00", None);
        }
        let (code, approval) = match key.0.as_str() {
            "010" => self.authorize(question, minor),
            "022" => (self.capture(question, minor), None),
            "020" => (self.refund(question, minor), None),
            "042" | "040" => (self.reverse(question), None),
            _ => panic!("nobody was to send {}", question.mti),
        };
        let answer = reply(question, code, approval.as_deref());
        let answered = Answered {
            answer: answer.clone(),
            connection,
            is_told: is_new,
        };
        self.answered.insert(key, answered);
        answer
    }

    fn authorize(&mut self, question: &Wire, minor: i64) -> (&'static str, Option<String>) {
        match question.field(2) {
            number if number.ends_with("0002") => return ("05", None),
            number if number.ends_with("9995") => return ("51", None),
            _ => {}
        }
        let approval = format!("{:06}", self.accounts.len() + 1);
        let account = Account {
            minor,
            ..Account::default()
        };
        self.accounts.insert(approval.clone(), account);
        let known = (question.field(7).to_owned(), question.field(11).to_owned());
        self.approved.insert(known, approval.clone());
        ("00", Some(approval))
    }

    /// The authorization that field 90 leads to.
    fn original(&mut self, question: &Wire) -> Option<&mut Account> {
        let elements = question.field(90);
        let known = (elements[10..20].to_owned(), elements[4..10].to_owned());
        let approval = self.approved.get(&known)?;
        self.accounts.get_mut(approval)
    }

    fn capture(&mut self, question: &Wire, minor: i64) -> &'static str {
        if let Some(code) = self.refuses_captures {
            return code;
        }
        let Some(account) = self.original(question) else {
            self.violations
                .push(format!("a capture of nothing: {question:?}"));
            return "25";
        };
        account.captured += minor;
        if account.reversed || account.captured > account.minor {
            let text = format!("captured what may not be: {account:?}");
            self.violations.push(text);
        }
        let known = (question.field(7).to_owned(), question.field(11).to_owned());
        let approval = question.field(38).to_owned();
        self.captures.insert(known, (approval, minor));
        "00"
    }

    fn refund(&mut self, question: &Wire, minor: i64) -> &'static str {
        assert_eq!(question.field(3), "200000");
        let Some(account) = self.original(question) else {
            self.violations
                .push(format!("a refund of nothing: {question:?}"));
            return "25";
        };
        account.refunded += minor;
        if account.reversed || account.refunded > account.minor {
            let text = format!("gave back what may not be: {account:?}");
            self.violations.push(text);
        }
        "00"
    }

    /// That a capture is undone.
    fn give_up(&mut self, question: &Wire) -> &'static str {
        let elements = question.field(90);
        let known = (elements[10..20].to_owned(), elements[4..10].to_owned());
        let Some((approval, minor)) = self.captures.remove(&known) else {
            return "25";
        };
        if let Some(account) = self.accounts.get_mut(&approval) {
            account.captured -= minor;
        }
        "00"
    }

    fn reverse(&mut self, question: &Wire) -> &'static str {
        if question.field(90).starts_with("0220") {
            return self.give_up(question);
        }
        let Some(account) = self.original(question) else {
            return "25";
        };
        if account.reversed || account.captured > 0 {
            let text = format!("undid what may not be: {account:?}");
            self.violations.push(text);
            return "12";
        }
        account.reversed = true;
        "00"
    }
}

fn reply(question: &Wire, code: &str, approval: Option<&str>) -> Wire {
    let function = if question.mti[2..].starts_with('0') {
        "10"
    } else {
        "30"
    };
    let mti = format!("{}{function}", &question.mti[..2]);
    let echoed = [3, 4, 7, 11, 12, 13, 37, 41, 42, 49, 70];
    let fields = question.fields.iter();
    let mut fields: std::collections::BTreeMap<u8, String> = fields
        .filter(|(field, _)| echoed.contains(field))
        .map(|(field, text)| (*field, text.clone()))
        .collect();
    fields.insert(39, code.to_owned());
    if let Some(approval) = approval {
        fields.insert(38, approval.to_owned());
    }
    Wire { mti, fields }
}

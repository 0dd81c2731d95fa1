//! A TCP proxy that cuts its connections in the middle of what comes back.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use strongroom_testkit::dice::Dice;

/// A running proxy; ends with the process.
#[derive(Clone)]
pub struct Proxy {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    target: Mutex<SocketAddr>,
    /// Chooses after how many bytes a connection is cut; none is cut without it.
    dice: Mutex<Option<Dice>>,
    open: Mutex<Vec<TcpStream>>,
    /// What arrives goes nowhere, and nobody is told.
    swallows: AtomicBool,
    cuts: AtomicUsize,
}

impl Proxy {
    pub fn start(target: SocketAddr, dice: Option<Dice>) -> Proxy {
        Proxy::at("127.0.0.1:0".parse().unwrap(), target, dice)
    }

    pub fn at(own: SocketAddr, target: SocketAddr, dice: Option<Dice>) -> Proxy {
        let listener = TcpListener::bind(own).unwrap();
        let proxy = Proxy {
            address: listener.local_addr().unwrap(),
            inner: Arc::new(Inner {
                target: Mutex::new(target),
                dice: Mutex::new(dice),
                open: Mutex::default(),
                swallows: AtomicBool::new(false),
                cuts: AtomicUsize::new(0),
            }),
        };
        let inner = Arc::clone(&proxy.inner);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                inner.carry(&client);
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads elsewhere from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        *self.inner.target.lock().unwrap() = target;
    }

    /// Carries nothing more, and closes nothing; or carries new connections again, those of before being lost.
    pub fn swallow(&self, swallows: bool) {
        self.inner.swallows.store(swallows, Ordering::SeqCst);
        if !swallows {
            self.cut_all();
        }
    }

    /// Cuts everything that is open.
    pub fn cut_all(&self) {
        for stream in self.inner.open.lock().unwrap().drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    pub fn cuts(&self) -> usize {
        self.inner.cuts.load(Ordering::Relaxed)
    }
}

impl Inner {
    fn carry(self: &Arc<Self>, client: &TcpStream) {
        let target = *self.target.lock().unwrap();
        // Dropped, the client sees a closed connection.
        let Ok(server) = TcpStream::connect(target) else {
            return;
        };
        let budget = self
            .dice
            .lock()
            .unwrap()
            .as_mut()
            .map(|d| 300 + d.below(5_000));
        let copy = |stream: &TcpStream| stream.try_clone().unwrap();
        self.open.lock().unwrap().push(copy(client));
        let (there, back) = ((copy(client), copy(&server)), (server, copy(client)));
        let own = Arc::clone(self);
        std::thread::spawn(move || own.pump(there.0, there.1, None));
        let own = Arc::clone(self);
        std::thread::spawn(move || own.pump(back.0, back.1, budget));
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, budget: Option<usize>) {
        let mut left = budget.unwrap_or(usize::MAX);
        let mut bytes = [0; 2_048];
        let mut silent = false;
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            // What lost a byte carries none any more.
            silent |= self.swallows.load(Ordering::SeqCst);
            if silent {
                continue;
            }
            let count = count.min(left);
            left -= count;
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
            if left == 0 {
                self.cuts.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        drop(from.shutdown(Shutdown::Both));
        drop(to.shutdown(Shutdown::Both));
    }
}

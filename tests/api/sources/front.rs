//! A relay between a driver and whoever it talks to, which loses what it is told to lose.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Where somebody can be reached.
#[derive(Clone, Copy, Debug)]
pub struct Door(pub SocketAddr);

/// What happens on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// All arrives.
    Clear,
    /// Connections come about, what is sent is read, and the connection is cut.
    CutOrders,
}

/// The relay.
pub struct Front {
    pub door: Door,
    behind: Door,
    weather: watch::Sender<Weather>,
    /// Grows when all connections are cut.
    cuts: watch::Sender<u64>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl Front {
    pub async fn open(behind: Door) -> Arc<Self> {
        let (weather, cuts) = (watch::Sender::new(Weather::Clear), watch::Sender::new(0));
        let listener = bind("127.0.0.1:0".parse().unwrap()).await;
        let door = Door(listener.local_addr().unwrap());
        let front = Self { door, behind, weather, cuts, listening: Mutex::default() };
        front.listen(listener);
        Arc::new(front)
    }

    fn listen(&self, listener: TcpListener) {
        let (behind, weather, cuts) = (self.behind, self.weather.clone(), self.cuts.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(relay(stream, behind, weather.subscribe(), cuts.subscribe()));
            }
        });
        *self.listening.lock().unwrap() = Some(task);
    }

    /// Changes the weather for connections made from now on; those that are open are cut.
    pub async fn weather(&self, weather: Weather) {
        self.weather.send_replace(weather);
        self.cut().await;
    }

    /// Cuts all connections.
    pub async fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
        // long enough for clients that pool connections to see it
        tokio::time::sleep(Duration::from_millis(30)).await;
    }

    /// Nobody listens any more: connections are refused.
    pub async fn close(&self) {
        if let Some(task) = self.listening.lock().unwrap().take() {
            task.abort();
        }
        self.cut().await;
    }

    /// Listens again where it did before.
    pub async fn reopen(&self) {
        self.listen(bind(self.door.0).await);
    }
}

async fn bind(address: SocketAddr) -> TcpListener {
    for _ in 0..200 {
        if let Ok(listener) = TcpListener::bind(address).await {
            return listener;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{address} stays taken");
}

async fn relay(near: TcpStream, behind: Door, weather: watch::Receiver<Weather>, mut cuts: watch::Receiver<u64>) {
    let weather = *weather.borrow();
    cuts.mark_unchanged();
    tokio::select! {
        () = carry(near, behind, weather) => {}
        _ = cuts.changed() => {}
    }
}

async fn carry(near: TcpStream, behind: Door, weather: Weather) {
    let (mut near_read, mut near_write) = tokio::io::split(near);
    if weather == Weather::CutOrders {
        // what was sent was taken off the wire: the sender cannot know that it went nowhere
        drop(near_read.read(&mut [0; 4096]).await);
        return;
    }
    let Ok(far) = TcpStream::connect(behind.0).await else { return };
    let (mut far_read, mut far_write) = tokio::io::split(far);
    let out = async {
        drop(tokio::io::copy(&mut near_read, &mut far_write).await);
        drop(far_write.shutdown().await);
        std::future::pending::<()>().await;
    };
    let back = async { drop(tokio::io::copy(&mut far_read, &mut near_write).await) };
    tokio::select! {
        () = out => {}
        () = back => {}
    }
}

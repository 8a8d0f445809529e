//! A relay between a driver and whoever it talks to, which loses what it is told to lose.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
    task::JoinHandle,
};

/// Where somebody can be reached.
#[derive(Clone, Debug)]
pub enum Door {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Door {
    pub fn tcp(&self) -> SocketAddr {
        match self {
            Self::Tcp(address) => *address,
            Self::Unix(path) => panic!("{} is no address", path.display()),
        }
    }
}

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
        let door = match &behind {
            Door::Tcp(_) => Door::Tcp("127.0.0.1:0".parse().unwrap()),
            Door::Unix(path) => Door::Unix(path.with_extension("front")),
        };
        let (weather, cuts) = (watch::Sender::new(Weather::Clear), watch::Sender::new(0));
        let mut front = Self { door, behind, weather, cuts, listening: Mutex::default() };
        let (door, task) = front.listen().await;
        front.door = door;
        *front.listening.lock().unwrap() = Some(task);
        Arc::new(front)
    }

    async fn listen(&self) -> (Door, JoinHandle<()>) {
        let (behind, weather, cuts) = (self.behind.clone(), self.weather.clone(), self.cuts.clone());
        match &self.door {
            Door::Tcp(address) => {
                let listener = bind(*address).await;
                let door = Door::Tcp(listener.local_addr().unwrap());
                let task = tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let (behind, weather, cuts) = (behind.clone(), weather.subscribe(), cuts.subscribe());
                        tokio::spawn(relay(stream, behind, weather, cuts));
                    }
                });
                (door, task)
            }
            Door::Unix(path) => {
                drop(std::fs::remove_file(path));
                let listener = UnixListener::bind(path).unwrap();
                let task = tokio::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        let (behind, weather, cuts) = (behind.clone(), weather.subscribe(), cuts.subscribe());
                        tokio::spawn(relay(stream, behind, weather, cuts));
                    }
                });
                (Door::Unix(path.clone()), task)
            }
        }
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
        if let Door::Unix(path) = &self.door {
            drop(std::fs::remove_file(path));
        }
        self.cut().await;
    }

    /// Listens again where it did before.
    pub async fn reopen(&self) {
        let (_, task) = self.listen().await;
        *self.listening.lock().unwrap() = Some(task);
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

async fn relay<S>(near: S, behind: Door, weather: watch::Receiver<Weather>, mut cuts: watch::Receiver<u64>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let weather = *weather.borrow();
    cuts.mark_unchanged();
    let work = async move {
        match behind {
            Door::Tcp(address) => carry(near, TcpStream::connect(address).await.ok(), weather).await,
            Door::Unix(path) => carry(near, UnixStream::connect(path).await.ok(), weather).await,
        }
    };
    tokio::select! {
        () = work => {}
        _ = cuts.changed() => {}
    }
}

async fn carry<N, F>(near: N, far: Option<F>, weather: Weather)
where
    N: AsyncRead + AsyncWrite,
    F: AsyncRead + AsyncWrite,
{
    let (mut near_read, mut near_write) = tokio::io::split(near);
    if weather == Weather::CutOrders {
        // what was sent was taken off the wire: the sender cannot know that it went nowhere
        drop(near_read.read(&mut [0; 4096]).await);
        return;
    }
    let Some(far) = far else { return };
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

//! Understands pieces side by side and adds them up in the order of the logs, so that the result does not
//! hang on how many cores there are or how fast they were.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use pantau_logs::{
    format::{Format, Layout},
    parse::{Fit, Line, Parser},
    steps::Steps,
    summary::{Period, Summary},
    understand::LogStream,
};

use super::pieces::Cutter;
use crate::inputs::{Input, why};

/// Pieces under way for each core.
const PIECES_PER_CORE: usize = 2;

/// A log and how it is read.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where it is.
    pub input: Input,
    /// Its beginning, where it can be read only once.
    pub head: Vec<u8>,
    /// Its format.
    pub format: &'static Format,
    /// How it is written in particular.
    pub layout: Layout,
    /// Bounds guesses of a missing date.
    pub now_ms: i64,
    /// Business steps of its requests.
    pub steps: Arc<Steps>,
}

impl Job {
    fn open(&self) -> io::Result<Box<dyn io::Read + Send>> {
        let opened = self.input.open()?.reader;
        Ok(match self.head.as_slice() {
            [] => opened,
            head => Box::new(io::Cursor::new(head.to_vec()).chain(opened)),
        })
    }
}

/// What became of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Unpacked bytes read.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// Lines not understood.
    pub unparsed: u64,
    /// Why it could not be read to its end.
    pub fault: Option<String>,
}

/// A piece of work, numbered in the order of the logs.
struct Task {
    number: u64,
    job: Arc<Job>,
    at: usize,
    what: What,
}

enum What {
    /// Whole entries, from an offset on.
    Piece(Vec<u8>, u64),
    /// All of a log whose entries hang on those before.
    Whole,
}

/// What a task gave.
struct Done {
    number: u64,
    at: usize,
    summary: Summary,
    read: Read,
    /// To be filled again.
    buffer: Vec<u8>,
}

/// Reads all logs with so many cores. `progress` is told the bytes read.
pub fn run(
    jobs: &[Job],
    period: Period,
    cores: usize,
    mut progress: impl FnMut(u64),
) -> (Summary, Vec<Read>) {
    let jobs: Vec<_> = jobs.iter().cloned().map(Arc::new).collect();
    let under_way_max = cores.max(1) * PIECES_PER_CORE;
    let (to_workers, tasks) = sync_channel::<Task>(under_way_max);
    let (to_sum, done) = channel::<Done>();
    let tasks = Arc::new(Mutex::new(tasks));
    thread::scope(|scope| {
        for _ in 0..cores.max(1) {
            let (tasks, to_sum) = (tasks.clone(), to_sum.clone());
            scope.spawn(move || work(&tasks, &to_sum, period));
        }
        drop(to_sum);
        let mut sum = Sum::new(period, jobs.len(), done, under_way_max);
        for (at, job) in jobs.iter().enumerate() {
            feed(at, job, &to_workers, &mut sum, &mut progress);
        }
        drop(to_workers);
        while sum.under_way > 0 {
            sum.wait(&mut progress);
        }
        (sum.summary, sum.reads)
    })
}

fn feed(
    at: usize,
    job: &Arc<Job>,
    to_workers: &SyncSender<Task>,
    sum: &mut Sum,
    progress: &mut impl FnMut(u64),
) {
    if !job.format.in_pieces {
        return sum.send(to_workers, job, at, What::Whole, progress);
    }
    let parser = (job.format.open)(&job.layout);
    let begins = |line: &[u8]| fits(&*parser, line);
    let fault = match job.open() {
        Ok(opened) => {
            let mut cutter = Cutter::new(opened);
            loop {
                let mut piece = sum.buffers.pop().unwrap_or_default();
                match cutter.next(&mut piece, begins) {
                    Ok(Some(offset)) => {
                        sum.send(to_workers, job, at, What::Piece(piece, offset), progress);
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            }
        }
        Err(error) => Some(error),
    };
    if let (Some(error), Some(read)) = (fault, sum.reads.get_mut(at)) {
        read.fault = Some(format!("{} ({error})", why(&error)));
    }
}

fn fits(parser: &dyn Parser, line: &[u8]) -> bool {
    parser.fit(line.strip_suffix(b"\r").unwrap_or(line)) == Fit::Begins
}

/// What was counted, in the order of the logs.
struct Sum {
    summary: Summary,
    reads: Vec<Read>,
    done: Receiver<Done>,
    /// Came before those before them.
    early: BTreeMap<u64, Done>,
    next: u64,
    given: u64,
    under_way: usize,
    under_way_max: usize,
    buffers: Vec<Vec<u8>>,
}

impl Sum {
    fn new(period: Period, jobs: usize, done: Receiver<Done>, under_way_max: usize) -> Sum {
        Sum {
            summary: Summary::new(period),
            reads: vec![Read::default(); jobs],
            done,
            early: BTreeMap::new(),
            next: 0,
            given: 0,
            under_way: 0,
            under_way_max,
            buffers: Vec::new(),
        }
    }

    fn send(
        &mut self,
        to_workers: &SyncSender<Task>,
        job: &Arc<Job>,
        at: usize,
        what: What,
        progress: &mut impl FnMut(u64),
    ) {
        while self.under_way >= self.under_way_max {
            self.wait(progress);
        }
        let task = Task { number: self.given, job: job.clone(), at, what };
        self.given += 1;
        self.under_way += 1;
        // Workers live as long as this channel; one that panicked takes the whole run with it.
        let _ = to_workers.send(task);
    }

    fn wait(&mut self, progress: &mut impl FnMut(u64)) {
        let Ok(done) = self.done.recv() else {
            self.under_way = 0;
            return;
        };
        self.under_way -= 1;
        progress(done.read.bytes);
        self.early.insert(done.number, done);
        while let Some(done) = self.early.remove(&self.next) {
            self.next += 1;
            self.add(done);
        }
    }

    fn add(&mut self, done: Done) {
        self.summary.merge(done.summary);
        self.buffers.push(done.buffer);
        if let Some(read) = self.reads.get_mut(done.at) {
            read.bytes += done.read.bytes;
            read.lines += done.read.lines;
            read.unparsed += done.read.unparsed;
            read.fault = done.read.fault.or(read.fault.take());
        }
    }
}

fn work(tasks: &Mutex<Receiver<Task>>, to_sum: &Sender<Done>, period: Period) {
    let mut stream: Option<(usize, LogStream)> = None;
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Task { number, job, at, what }) = task else { return };
        let same = stream.take().filter(|(before, _)| *before == at);
        let (_, stream) = stream.insert(match same {
            Some((at, mut stream)) => {
                stream.begin_piece(job.format, &job.layout);
                (at, stream)
            }
            None => {
                let stream = LogStream::new(job.format, &job.layout, "", None);
                (at, stream.with_steps(job.steps.clone()))
            }
        });
        let mut reading = Reading { stream, summary: Summary::new(period), now_ms: job.now_ms };
        let (buffer, bytes, fault) = reading.read(&job, what);
        let summary = reading.finish();
        let read =
            Read { bytes, lines: summary.lines.read(), unparsed: summary.lines.unparsed, fault };
        // Who adds up waits for every piece.
        let _ = to_sum.send(Done { number, at, summary, read, buffer });
    }
}

/// One task.
struct Reading<'s> {
    stream: &'s mut LogStream,
    summary: Summary,
    now_ms: i64,
}

impl Reading<'_> {
    /// The buffer, bytes read, and why it ended early.
    fn read(&mut self, job: &Job, what: What) -> (Vec<u8>, u64, Option<String>) {
        match what {
            What::Piece(piece, offset) => {
                self.lines(&piece, offset);
                let bytes = piece.len() as u64;
                (piece, bytes, None)
            }
            What::Whole => self.whole(job),
        }
    }

    fn whole(&mut self, job: &Job) -> (Vec<u8>, u64, Option<String>) {
        let told = |error: std::io::Error| Some(format!("{} ({error})", why(&error)));
        let mut piece = Vec::new();
        let opened = match job.open() {
            Ok(opened) => opened,
            Err(error) => return (piece, 0, told(error)),
        };
        let mut cutter = Cutter::new(opened);
        let mut bytes = 0;
        loop {
            match cutter.next(&mut piece, |_| true) {
                Ok(Some(offset)) => {
                    self.lines(&piece, offset);
                    bytes = offset + piece.len() as u64;
                }
                Ok(None) => return (piece, bytes, None),
                Err(error) => return (piece, bytes, told(error)),
            }
        }
    }

    fn lines(&mut self, piece: &[u8], offset: u64) {
        let Reading { stream, summary, now_ms } = self;
        let mut begin = 0;
        while begin < piece.len() {
            let rest = piece.get(begin..).unwrap_or_default();
            let length = memchr::memchr(b'\n', rest);
            let bytes = rest.get(..length.unwrap_or(rest.len())).unwrap_or_default();
            begin += bytes.len() + 1;
            let end = offset + begin.min(piece.len()) as u64;
            stream.line(Line { bytes, end, now_ms: *now_ms }, |entry| summary.add(entry));
        }
    }

    fn finish(mut self) -> Summary {
        let summary = &mut self.summary;
        self.stream.finish(|entry| summary.add(entry));
        summary.add_redactions(self.stream.take_redactions());
        self.summary
    }
}

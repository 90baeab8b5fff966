//! Samples the host, PostgreSQL and SPSE's address.

pub mod host {
    //! Stands in until the samplers are merged.
    #![allow(missing_docs, clippy::unimplemented)]
    use crate::domain::{HostFacts, HostSample, Problem};
    pub struct HostSampler;
    impl HostSampler {
        pub fn new(_state_dir: &std::path::Path) -> HostSampler {
            HostSampler
        }
        pub fn facts(&self) -> HostFacts {
            HostFacts { hostname: "host".to_owned(), ..HostFacts::default() }
        }
        pub fn sample(&mut self, _now_ms: i64) -> (HostSample, Vec<Problem>) {
            (HostSample::default(), Vec::new())
        }
    }
}

pub mod postgres {
    //! Stands in until the samplers are merged.
    #![allow(missing_docs, clippy::unimplemented)]
    use crate::{config::ClusterSettings, domain::*};
    pub struct ClusterReport {
        pub check: TargetCheck,
        pub samples: Vec<DatabaseSample>,
        pub facts: Option<DatabaseFacts>,
        pub statements: Vec<StatementDelta>,
        pub gaps: Vec<Gap>,
        pub problems: Vec<Problem>,
    }
    pub struct ClusterSampler;
    impl ClusterSampler {
        pub fn new(_settings: ClusterSettings) -> ClusterSampler {
            ClusterSampler
        }
        pub async fn sample(&mut self, _now_ms: i64) -> ClusterReport {
            unimplemented!()
        }
    }
}

pub mod probe {
    //! Stands in until the samplers are merged.
    #![allow(missing_docs, clippy::unimplemented)]
    use crate::{config::ProbeSettings, domain::TargetCheck};
    pub struct Probe;
    impl Probe {
        pub fn new(_settings: ProbeSettings) -> anyhow::Result<Probe> {
            Ok(Probe)
        }
        pub async fn check(&self, _now_ms: i64) -> TargetCheck {
            unimplemented!()
        }
    }
}

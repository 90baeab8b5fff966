//! One file per page: what it reads, and the view that its template shows.

pub mod alerts;
pub mod figures;
pub mod live;
pub mod month;
pub mod national;
pub mod reports;
pub mod site;

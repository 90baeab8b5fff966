//! Rules, decisions with hysteresis, and notifications sent once.

//! `pantau-agent check`: tests each piece of the settings and says what to do.

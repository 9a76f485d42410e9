//! Scales of other systems: no field carries them. They are named where what we say is written for those systems.
//!
//! 6x6 is off unless the federation uses it, as TLP and PAP are; CAP's three are derived from our one priority on
//! export; a notice's colour is read in a reference. So people who meet them find them under `allpoints lists`.

use crate::domain::routing::coded;

coded! {
    /// 6x6 (NATO AJP-2.1, the Admiralty code), the source.
    AdmiraltySource {
        /// Completely reliable.
        A = 1 "A",
        /// Usually reliable.
        B = 2 "B",
        /// Fairly reliable.
        C = 3 "C",
        /// Not usually reliable.
        D = 4 "D",
        /// Unreliable.
        E = 5 "E",
        /// Reliability cannot be judged.
        F = 6 "F",
    }
}

coded! {
    /// 6x6, the information.
    AdmiraltyInformation {
        /// Confirmed by other sources.
        One = 1 "1",
        /// Probably true.
        Two = 2 "2",
        /// Possibly true.
        Three = 3 "3",
        /// Doubtful.
        Four = 4 "4",
        /// Improbable.
        Five = 5 "5",
        /// Truth cannot be judged.
        Six = 6 "6",
    }
}

coded! {
    /// OASIS CAP 1.2 `urgency`.
    CapUrgency {
        /// At once.
        Immediate = 1 "immediate",
        /// Within the next hour.
        Expected = 2 "expected",
        /// In the near future.
        Future = 3 "future",
        /// No more.
        Past = 4 "past",
        /// Not known.
        Unknown = 5 "unknown",
    }
}

coded! {
    /// OASIS CAP 1.2 `severity`.
    CapSeverity {
        /// Extraordinary threat.
        Extreme = 1 "extreme",
        /// Significant threat.
        Severe = 2 "severe",
        /// Possible threat.
        Moderate = 3 "moderate",
        /// Minimal to no known threat.
        Minor = 4 "minor",
        /// Not known.
        Unknown = 5 "unknown",
    }
}

coded! {
    /// OASIS CAP 1.2 `certainty`.
    CapCertainty {
        /// Determined to have happened or to be going on.
        Observed = 1 "observed",
        /// More than half.
        Likely = 2 "likely",
        /// Up to half.
        Possible = 3 "possible",
        /// Not expected.
        Unlikely = 4 "unlikely",
        /// Not known.
        Unknown = 5 "unknown",
    }
}

coded! {
    /// Colours of INTERPOL's notices: in a reference only.
    NoticeColour {
        /// To arrest.
        Red = 1 "red",
        /// Missing.
        Yellow = 2 "yellow",
        /// Information sought.
        Blue = 3 "blue",
        /// Unidentified body.
        Black = 4 "black",
        /// Warning.
        Green = 5 "green",
        /// Imminent threat.
        Orange = 6 "orange",
        /// Ways of offending.
        Purple = 7 "purple",
        /// Assets (pilot).
        Silver = 8 "silver",
        /// United Nations Security Council.
        UnSpecial = 9 "un_special",
    }
}

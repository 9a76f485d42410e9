//! A person, as far as known. No field holds a victim's identity.

use super::value::{Day, Language, Line, PartialDate, Text};
use crate::domain::{country::Country, mrz::Mrz, routing::coded};

/// A person; at least one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// At least one; the first is shown.
    pub names: Vec<Name>,
    /// ISO 5218.
    pub sex: Sex,
    /// As far as known.
    pub birth_date: Option<PartialDate>,
    /// Town or region.
    pub birth_place: Option<Line>,
    /// Country of birth.
    pub birth_country: Option<Country>,
    /// Each once.
    pub nationalities: Vec<Country>,
    /// In national registers.
    pub register_numbers: Vec<RegisterNumber>,
    /// Travel and identity documents.
    pub documents: Vec<Document>,
    /// Their names.
    pub parents: Vec<Name>,
    /// What the person looks like.
    pub description: Option<Text>,
    /// Where the description is from.
    pub description_origin: Option<FactOrigin>,
    /// Not subject to change.
    pub marks: Vec<Line>,
    /// Where the marks are from, all together.
    pub marks_origin: Option<FactOrigin>,
    /// Spoken.
    pub languages: Vec<Language>,
    /// Work.
    pub occupations: Vec<Occupation>,
    /// The last known first.
    pub addresses: Vec<Address>,
    /// Telephone, mail, internet.
    pub reaches: Vec<Reach>,
    /// Vehicles and vessels.
    pub vehicles: Vec<Vehicle>,
    /// What tells the rightful holder of a misused identity from the person.
    pub misused_identity: Option<Line>,
}

coded! {
    /// ISO 5218; the numbers are ours, as 0 is kept for "not said".
    Sex {
        /// ISO 5218: 1.
        Male = 1 "male",
        /// ISO 5218: 2.
        Female = 2 "female",
        /// ISO 5218: 0.
        NotKnown = 3 "not_known",
        /// ISO 5218: 9.
        NotApplicable = 9 "not_applicable",
    }
}

impl Sex {
    /// The number in ISO 5218.
    #[must_use]
    pub fn iso_5218(self) -> String {
        let number = match self {
            Self::NotKnown => 0,
            Self::Male => 1,
            Self::Female => 2,
            Self::NotApplicable => 9,
        };
        number.to_string()
    }
}

/// One name: surname, forenames, or own script; at least one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What kind it is.
    pub kind: NameKind,
    /// Family name, or the only name.
    pub surname: Option<Line>,
    /// In order.
    pub forenames: Option<Line>,
    /// How sure.
    pub quality: NameQuality,
    /// As written in its own script.
    pub own_script: Option<Line>,
    /// Transliterated as Doc 9303 part 3 says.
    pub icao: Option<Line>,
    /// When it was known to be so.
    pub as_of: Option<PartialDate>,
    /// Where the fact is from.
    pub source: Option<Line>,
}

coded! {
    /// What kind of name it is.
    NameKind {
        /// In the documents.
        Legal = 1 "legal",
        /// At birth.
        Birth = 2 "birth",
        /// Used, but not the person's own.
        Alias = 3 "alias",
    }
}

coded! {
    /// How sure a name is.
    NameQuality {
        /// Confirmed.
        Good = 1 "good",
        /// Not confirmed.
        Low = 2 "low",
    }
}

/// A number in a national register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterNumber {
    /// Which.
    pub register: Line,
    /// Whose.
    pub country: Country,
    /// The number.
    pub number: Line,
    /// When it was known to be so.
    pub as_of: Option<PartialDate>,
    /// Where the fact is from.
    pub source: Option<Line>,
}

/// Where a fact is from that has no type of its own; at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactOrigin {
    /// When it was known to be so.
    pub as_of: Option<PartialDate>,
    /// Where the fact is from.
    pub source: Option<Line>,
}

/// A travel or identity document; number and issuer agree with the zone when there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub category: DocumentCategory,
    /// Who issued it.
    pub country: Country,
    /// Its number.
    pub number: Line,
    /// Day of issue.
    pub issued_on: Option<Day>,
    /// Last day; not before `issued_on`.
    pub expires_on: Option<Day>,
    /// What became of it.
    pub status: DocumentStatus,
    /// Checked zone.
    pub mrz: Option<Mrz>,
    /// When it was known to be so.
    pub as_of: Option<PartialDate>,
    /// Where the fact is from.
    pub source: Option<Line>,
}

coded! {
    /// What a document is.
    DocumentCategory {
        /// Passport.
        Passport = 1 "passport",
        /// Identity card.
        IdentityCard = 2 "identity_card",
        /// Residence permit.
        ResidencePermit = 3 "residence_permit",
        /// Visa.
        Visa = 4 "visa",
        /// Driving licence.
        DrivingLicence = 5 "driving_licence",
        /// Travel document of a refugee or stateless person.
        RefugeeDocument = 6 "refugee_document",
        /// Another.
        Other = 9 "other",
    }
}

coded! {
    /// What became of a document.
    DocumentStatus {
        /// In use.
        Valid = 1 "valid",
        /// Handed in.
        Surrendered = 2 "surrendered",
        /// Lost.
        Lost = 3 "lost",
        /// Stolen.
        Stolen = 4 "stolen",
        /// Declared invalid.
        Invalidated = 5 "invalidated",
    }
}

/// What a person works as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupation {
    /// In words.
    pub description: Line,
    /// Whether it brings the person near children.
    pub child_contact: ChildContact,
    /// When it was known to be so.
    pub as_of: Option<PartialDate>,
    /// Where the fact is from.
    pub source: Option<Line>,
}

coded! {
    /// Whether work brings a person near children.
    ChildContact {
        /// No.
        None = 1 "none",
        /// Teaching, care, sport, church.
        WorksWithChildren = 2 "works_with_children",
        /// Not known.
        NotKnown = 3 "not_known",
    }
}

/// Where a person lives or lived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Street, number, town.
    pub place: Line,
    /// Country.
    pub country: Country,
    /// When it was known to be so.
    pub as_of: Option<PartialDate>,
    /// Where the fact is from.
    pub source: Option<Line>,
}

/// A way to reach or recognise a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// What it is.
    pub kind: ReachKind,
    /// The number, address or identifier.
    pub value: Line,
    /// Service on which an identifier is used; always there for identifiers.
    pub service: Option<Line>,
    /// When it was known to be so.
    pub as_of: Option<PartialDate>,
    /// Where the fact is from.
    pub source: Option<Line>,
}

coded! {
    /// What a reach is.
    ReachKind {
        /// Telephone.
        Telephone = 1 "telephone",
        /// Electronic mail.
        Mail = 2 "mail",
        /// Account or name on a service.
        InternetIdentifier = 3 "internet_identifier",
    }
}

/// A vehicle or vessel; description or registration, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vehicle {
    /// Make, model, colour.
    pub description: Option<Line>,
    /// Plate or vessel number.
    pub registration: Option<Line>,
    /// Where it is registered.
    pub country: Option<Country>,
    /// When it was known to be so.
    pub as_of: Option<PartialDate>,
    /// Where the fact is from.
    pub source: Option<Line>,
}

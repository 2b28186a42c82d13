//! The Unicode classes behind `\p`, by the names Go knows.

use std::collections::HashMap;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::class::folded;
use super::operand::Case;

/// The characters assigned by the version of Unicode that Go 1.26 has.
const ASSIGNED: &str = r"[\p{age=15.0}&&\P{Cn}]";

/// General categories.
const CATEGORIES: [&str; 38] = [
    "C", "Cc", "Cf", "Cn", "Co", "Cs", "L", "Lc", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me",
    "Mn", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk",
    "Sm", "So", "Z", "Zl", "Zp", "Zs",
];

/// Long names of general categories, without the separators that do not count.
const CATEGORY_ALIASES: [&str; 42] = [
    "Casedletter",
    "Closepunctuation",
    "Cntrl",
    "Combiningmark",
    "Connectorpunctuation",
    "Control",
    "Currencysymbol",
    "Dashpunctuation",
    "Decimalnumber",
    "Digit",
    "Enclosingmark",
    "Finalpunctuation",
    "Format",
    "Initialpunctuation",
    "Letter",
    "Letternumber",
    "Lineseparator",
    "Lowercaseletter",
    "Mark",
    "Mathsymbol",
    "Modifierletter",
    "Modifiersymbol",
    "Nonspacingmark",
    "Number",
    "Openpunctuation",
    "Other",
    "Otherletter",
    "Othernumber",
    "Otherpunctuation",
    "Othersymbol",
    "Paragraphseparator",
    "Privateuse",
    "Punct",
    "Punctuation",
    "Separator",
    "Spaceseparator",
    "Spacingmark",
    "Surrogate",
    "Symbol",
    "Titlecaseletter",
    "Unassigned",
    "Uppercaseletter",
];

/// Scripts. Go looks names up without separators but keeps them in its table, so that those of more
/// than one word (`Old_Italic`), and `SignWriting`, cannot be named at all.
const SCRIPTS: [&str; 117] = [
    "Adlam",
    "Ahom",
    "Arabic",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Carian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Common",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cyrillic",
    "Deseret",
    "Devanagari",
    "Dogra",
    "Duployan",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Greek",
    "Gujarati",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hanunoo",
    "Hatran",
    "Hebrew",
    "Hiragana",
    "Inherited",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Katakana",
    "Kawi",
    "Kharoshthi",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Lao",
    "Latin",
    "Lepcha",
    "Limbu",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Medefaidrin",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nandinagari",
    "Newa",
    "Nko",
    "Nushu",
    "Ogham",
    "Oriya",
    "Osage",
    "Osmanya",
    "Palmyrene",
    "Phoenician",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "Sinhala",
    "Sogdian",
    "Soyombo",
    "Sundanese",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Toto",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Yezidi",
    "Yi",
];

/// Looks classes up and keeps what it found, since a pattern tends to repeat itself.
#[derive(Default)]
pub(super) struct UnicodeClasses {
    found: HashMap<(String, Case), Option<ClassUnicode>>,
}

impl UnicodeClasses {
    /// The class of that name, in any case and with any `_`, `-` and blanks in it.
    pub(super) fn named(&mut self, name: &str, case: Case) -> Option<&ClassUnicode> {
        self.found
            .entry((canonical(name), case))
            .or_insert_with_key(|(name, case)| match case {
                Case::Exact => look_up(name),
                Case::Folded => look_up(name).map(folded),
            })
            .as_ref()
    }
}

/// Capital, then small letters, no separators.
fn canonical(name: &str) -> String {
    let mut canonical: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .collect();
    canonical.make_ascii_lowercase();
    if let Some(first) = canonical.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    canonical
}

fn look_up(name: &str) -> Option<ClassUnicode> {
    let every = ClassUnicodeRange::new('\0', char::MAX);
    match name {
        "Any" => Some(ClassUnicode::new([every])),
        "Assigned" => Some(assigned()),
        "Ascii" => Some(ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')])),
        "Cs" | "Surrogate" => Some(ClassUnicode::empty()),
        "Cn" | "Unassigned" => {
            let mut class = assigned();
            class.negate();
            Some(class)
        }
        "C" | "Other" => {
            let mut class = property(name);
            let mut unassigned = assigned();
            unassigned.negate();
            class.union(&unassigned);
            Some(class)
        }
        _ if CATEGORIES.contains(&name)
            || CATEGORY_ALIASES.contains(&name)
            || SCRIPTS.contains(&name) =>
        {
            let mut class = property(name);
            class.intersect(&assigned());
            Some(class)
        }
        _ => None,
    }
}

fn assigned() -> ClassUnicode {
    class_of(ASSIGNED)
}

fn property(name: &str) -> ClassUnicode {
    class_of(&format!(r"\p{{{name}}}"))
}

/// The class a pattern of one class stands for; empty if it is none.
fn class_of(pattern: &str) -> ClassUnicode {
    match regex_syntax::parse(pattern).map(Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        Ok(HirKind::Literal(literal)) => std::str::from_utf8(&literal.0)
            .map(|text| ClassUnicode::new(text.chars().map(|c| ClassUnicodeRange::new(c, c))))
            .unwrap_or_else(|_| ClassUnicode::empty()),
        _ => ClassUnicode::empty(),
    }
}

use std::cmp::Ordering;

use proptest::prelude::*;

use super::{Number, NumberFault};

fn fault(text: &str) -> Option<NumberFault> {
    Number::parse(text).err()
}

fn order(left: &str, right: &str) -> Option<Ordering> {
    Number::parse(left)
        .unwrap()
        .compare(&Number::parse(right).unwrap())
}

#[test]
fn literals_of_go_are_accepted() {
    let accepted = [
        "0",
        "-0",
        "+1",
        "007",
        ".5",
        "5.",
        "1.5",
        "1e3",
        "1E+3",
        "1e-400",
        "0e999999999999999999999",
        "1_000",
        "1_0.0_1e1_0",
        "0x1p5",
        "0X1.8P-1",
        "0x.8p0",
        "0x_1p5",
        "0x1_0p0",
        "0xffp0",
        "0x1p-99999",
        "inf",
        "-Inf",
        "+INFINITY",
        "infinity",
        "nan",
        "NaN",
        "1e308",
        "1.7976931348623157e308",
        "1.797693134862315807e308",
        "0x1.fffffffffffffp1023",
        "0x1.fffffffffffff7p1023",
        "0.0000001e315",
        "0x0p99999",
    ];
    for text in accepted {
        assert_eq!(fault(text), None, "{text}");
    }
}

#[test]
fn what_go_refuses_is_refused() {
    let refused = [
        "", " ", "1 ", " 1", "latest", "1a", "+", "-", ".", "e5", "1e", "1e+", "1e5.0", "1.2.3",
        "--1", "+-1", "0x10", "0x", "0xp1", "0x.p1", "0xgp1", "0x1p", "0b1", "0o7", "_1", "1_",
        "1__0", "1_.0", "1._0", "1e_5", "1e5_", "0_x1p5", "1_e5", "0x1_p5", "1,000", "１", "+nan",
        "-NaN", "infi", "nan1", "1e5p5", "1p5",
    ];
    for text in refused {
        assert_eq!(fault(text), Some(NumberFault::Syntax), "{text:?}");
    }
    let beyond = [
        "1e309",
        "1e400",
        "-1e400",
        "1.797693134862315808e308",
        "1.7976931348623159e308",
        "10e308",
        "0x1p1024",
        "0x1.fffffffffffff8p1023",
        "1e99999999999999999999999",
        "1_0e308",
    ];
    for text in beyond {
        assert_eq!(fault(text), Some(NumberFault::Overflow), "{text:?}");
    }
}

#[test]
fn numbers_compare_exactly() {
    // Each is lower than every later one.
    let ascending = [
        "-inf",
        "-1e308",
        "-2",
        "-1.5",
        "-1e-300",
        "0",
        "5e-324",
        "0x1p-1073",
        "1e-300",
        "0.05",
        "0.5",
        "1",
        "0x1.0000000000001p0",
        "1.1",
        "0x1.8p0",
        "1.9",
        "9",
        "10",
        "31",
        "0x1p5",
        "999",
        "1_001",
        "1606234201123456788",
        "1606234201123456789",
        "1606234201123456789.5",
        "1606234201123456790",
        "1e308",
        "inf",
    ];
    for (index, lower) in ascending.iter().enumerate() {
        for higher in ascending.iter().skip(index + 1) {
            assert_eq!(
                order(lower, higher),
                Some(Ordering::Less),
                "{lower} {higher}"
            );
            assert_eq!(
                order(higher, lower),
                Some(Ordering::Greater),
                "{higher} {lower}"
            );
        }
    }
}

#[test]
fn spellings_of_one_number_are_equal() {
    let equal = [
        ["1", "1.00"],
        ["007", "7"],
        ["1e3", "1000"],
        ["1_000", "1000.0e0"],
        ["0x1p5", "32"],
        ["0x10p-2", "4"],
        ["0", "-0.0"],
        ["1e-400", "0"],
        ["-1e-400", "0"],
        ["2e-324", "0"],
        ["0x1p-1075", "0"],
        ["0x1.0000000000000001p0", "1"],
        ["inf", "+Infinity"],
        ["0.1e1", "1"],
    ];
    for [left, right] in equal {
        assert_eq!(order(left, right), Some(Ordering::Equal), "{left} {right}");
    }
    assert_eq!(order("NaN", "1"), None);
    assert_eq!(order("inf", "nan"), None);
}

/// Quadratic work on these would take minutes.
#[test]
fn long_literals_take_linear_time() {
    let length = 1 << 18;
    let digits = "9".repeat(length);
    let hexadecimal = format!("0x0.{}p{}", "0f".repeat(length / 2), 8);
    let tiny = format!("0.{}1", "0".repeat(length));
    let underscores = format!("0.{}9", "9_".repeat(length / 2));
    assert_eq!(fault(&digits), Some(NumberFault::Overflow));
    assert_eq!(order(&tiny, "0"), Some(Ordering::Equal));
    assert_eq!(order(&underscores, "1"), Some(Ordering::Less));
    assert_eq!(
        order(&format!("0.{digits}"), &format!("0.{digits}0")),
        Some(Ordering::Equal)
    );
    assert_eq!(order(&hexadecimal, "0x0fp0"), Some(Ordering::Greater));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = Number::parse(&text);
    }

    /// Where two float64 differ, the exact numbers differ in the same way.
    #[test]
    fn the_order_of_float64_is_kept(left in "-?[0-9]{0,20}\\.?[0-9]{1,20}(e-?[0-9]{1,3})?", right in "-?[0-9]{0,3}\\.?[0-9]{1,3}(e-?[0-9]{1,3})?") {
        let float = |text: &str| text.parse::<f64>().unwrap();
        prop_assert_eq!(fault(&left).is_some(), float(&left).is_infinite());
        if let (Ok(a), Ok(b)) = (Number::parse(&left), Number::parse(&right)) {
            let rounded = float(&left).partial_cmp(&float(&right));
            if rounded != Some(Ordering::Equal) {
                prop_assert_eq!(a.compare(&b), rounded);
            }
        }
    }

    /// Every float64 survives the hexadecimal form Go prints.
    #[test]
    fn hexadecimal_literals_are_the_float64_they_name(bits in any::<u64>(), other in any::<u64>()) {
        let (left, right) = (f64::from_bits(bits), f64::from_bits(other));
        prop_assume!(left.is_finite() && right.is_finite());
        let (a, b) = (hexadecimal(left), hexadecimal(right));
        prop_assert_eq!(order(&a, &b), left.partial_cmp(&right));
        prop_assert_eq!(order(&a, &format!("{left:.800e}")), Some(Ordering::Equal));
    }
}

fn hexadecimal(value: f64) -> String {
    let bits = value.abs().to_bits();
    let (exponent, mantissa) = (bits >> 52, bits & ((1 << 52) - 1));
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if exponent == 0 {
        format!("{sign}0x0.{mantissa:013x}p-1022")
    } else {
        format!("{sign}0x1.{mantissa:013x}p{}", exponent as i64 - 1023)
    }
}

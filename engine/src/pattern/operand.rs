//! Parts of a pattern while it is being read, with the measures Go's limits are about.

use regex_syntax::hir::{Capture, Class, Hir, Repetition};

use super::class::fold_character;

/// Levels of groups and operators a pattern may have.
const MAX_HEIGHT: usize = 1000;

/// Copies of one thing that nested counted repetitions may ask for.
const MAX_COPIES: u32 = 1000;

/// Whether a literal matches in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Case {
    Exact,
    Folded,
}

/// A complete part of a pattern.
pub(super) struct Operand {
    node: Node,
    /// Levels of the tree Go would build, 1 for a leaf.
    height: usize,
    /// The largest product of counts from here down to a leaf.
    copies: u32,
    shape: Shape,
}

enum Node {
    /// Kept as text until it is known what follows: an operator takes the last character only.
    Text(String, Case),
    Tree(Hir),
}

/// What an operand is to the concatenation or alternation it becomes part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One character of a set; alternatives of such are one set.
    Character,
    Leaf,
    Concatenation,
    Alternation,
}

/// A counted or uncounted repetition, as written.
#[derive(Clone, Copy)]
pub(super) struct Repeat {
    pub(super) min: u32,
    /// `None` is no upper bound.
    pub(super) max: Option<u32>,
    pub(super) counting: Counting,
}

/// Whether a repetition multiplies copies of its operand in Go's compiled form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// `{2}`, `{2,}`, `{2,3}`.
    Counted,
    /// `*`, `+`, `?`.
    Uncounted,
}

/// A limit of Go's that a pattern exceeds.
pub(super) enum Excess {
    Height,
    Copies,
}

impl Operand {
    pub(super) fn literal(character: char, case: Case) -> Self {
        let node = Node::Text(character.to_string(), case);
        Self {
            node,
            height: 1,
            copies: 1,
            shape: Shape::Character,
        }
    }

    pub(super) fn class(class: Class) -> Self {
        Self {
            node: Node::Tree(Hir::class(class)),
            height: 1,
            copies: 1,
            shape: Shape::Character,
        }
    }

    /// An assertion, or a character that no text holds.
    pub(super) fn leaf(hir: Hir) -> Self {
        Self {
            node: Node::Tree(hir),
            height: 1,
            copies: 1,
            shape: Shape::Leaf,
        }
    }

    /// The operand repeated.
    pub(super) fn repeated(self, repeat: Repeat, greed: Greed) -> Result<Self, Excess> {
        let height = higher(self.height)?;
        let mut copies = self.copies;
        if repeat.counting == Counting::Counted {
            let count = repeat.max.unwrap_or(repeat.min);
            copies = match (count, repeat.max) {
                (0, Some(_)) => 1,
                (count, _) => copies.saturating_mul(count.max(1)),
            };
            if copies > MAX_COPIES && count >= 2 {
                return Err(Excess::Copies);
            }
        }
        let hir = Hir::repetition(Repetition {
            min: repeat.min,
            max: repeat.max,
            greedy: greed == Greed::Greedy,
            sub: Box::new(self.into_hir()),
        });
        Ok(Self {
            node: Node::Tree(hir),
            height,
            copies,
            shape: Shape::Leaf,
        })
    }

    /// The operand as the group of that number.
    pub(super) fn captured(self, index: u32) -> Result<Self, Excess> {
        let height = higher(self.height)?;
        let copies = self.copies;
        let sub = Box::new(self.into_hir());
        let hir = Hir::capture(Capture {
            index,
            name: None,
            sub,
        });
        Ok(Self {
            node: Node::Tree(hir),
            height,
            copies,
            shape: Shape::Leaf,
        })
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn into_hir(self) -> Hir {
        match self.node {
            Node::Tree(hir) => hir,
            Node::Text(text, Case::Exact) => Hir::literal(text.into_bytes()),
            Node::Text(text, Case::Folded) => Hir::concat(
                text.chars()
                    .map(|c| Hir::class(fold_character(c)))
                    .collect(),
            ),
        }
    }
}

/// Whether a repetition prefers more or fewer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
}

/// Adds an operand to a sequence.
///
/// The two literals before it become one: no operator can single out the first of them any more.
pub(super) fn push(sequence: &mut Vec<Operand>, operand: Operand) {
    join_literals(sequence);
    sequence.push(operand);
}

fn join_literals(sequence: &mut Vec<Operand>) {
    let [.., first, second] = sequence.as_mut_slice() else {
        return;
    };
    let (Node::Text(text, case), Node::Text(more, more_case)) = (&mut first.node, &second.node)
    else {
        return;
    };
    if case == more_case {
        text.push_str(more);
        first.shape = Shape::Leaf;
        sequence.pop();
    }
}

/// The sequence as one operand.
pub(super) fn concatenate(mut sequence: Vec<Operand>) -> Result<Operand, Excess> {
    join_literals(&mut sequence);
    combine(sequence, Shape::Concatenation)
}

/// The alternatives as one operand.
pub(super) fn alternate(alternatives: Vec<Operand>) -> Result<Operand, Excess> {
    combine(alternatives, Shape::Alternation)
}

/// Joins operands the way Go does: one stays as it is, and a part of the same shape adds no level.
fn combine(mut operands: Vec<Operand>, shape: Shape) -> Result<Operand, Excess> {
    if operands.len() == 1
        && let Some(only) = operands.pop()
    {
        return Ok(only);
    }
    let characters = operands
        .iter()
        .all(|operand| operand.shape == Shape::Character);
    let (height, shape) = if operands.is_empty() {
        (1, Shape::Leaf)
    } else if characters && shape == Shape::Alternation {
        (1, Shape::Character)
    } else {
        let below = |operand: &Operand| operand.height - usize::from(operand.shape == shape);
        (
            higher(operands.iter().map(below).max().unwrap_or(0))?,
            shape,
        )
    };
    let copies = operands
        .iter()
        .map(|operand| operand.copies)
        .max()
        .unwrap_or(1);
    let parts = operands.into_iter().map(Operand::into_hir).collect();
    let hir = if matches!(shape, Shape::Alternation | Shape::Character) {
        Hir::alternation(parts)
    } else {
        Hir::concat(parts)
    };
    Ok(Operand {
        node: Node::Tree(hir),
        height,
        copies,
        shape,
    })
}

/// One level more, as far as there may be one.
fn higher(height: usize) -> Result<usize, Excess> {
    if height < MAX_HEIGHT {
        Ok(height + 1)
    } else {
        Err(Excess::Height)
    }
}

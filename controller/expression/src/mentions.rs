//! What a condition provides for.

use crate::condition::Condition;
use crate::functions::Kind;
use crate::syntax::{Binary, Node, Shape};

impl Condition {
    /// Whether it says what NaN means to it: it calls `isNaN`.
    pub fn provides_for_nan(&self) -> bool {
        self.root().any(&|node| matches!(&node.shape, Shape::Call(function, _) if function.0 == Kind::IsNaN))
    }

    /// Whether it says what nothing means to it (nil, or no elements): it compares with nil, calls `isNil`, `default`, `len`,
    /// `count`, `first` or `last`, or uses `??` or `?.`.
    pub fn provides_for_nothing(&self) -> bool {
        self.root().any(&|node| match &node.shape {
            Shape::Nil | Shape::Chain(_) | Shape::Binary(Binary::Coalesce, ..) => true,
            Shape::Call(function, _) => matches!(
                function.0,
                Kind::IsNil | Kind::Default | Kind::Len | Kind::Count | Kind::First | Kind::Last
            ),
            _ => false,
        })
    }
}

impl Node {
    /// Whether something holds of it or of what it is made of.
    fn any(&self, holds: &impl Fn(&Node) -> bool) -> bool {
        holds(self)
            || match &self.shape {
                Shape::List(nodes) | Shape::Call(_, nodes) => nodes.iter().any(|node| node.any(holds)),
                Shape::Map(entries) => entries.iter().any(|(_, node)| node.any(holds)),
                Shape::Unary(_, node) | Shape::Matches(node, _) | Shape::Chain(node) => node.any(holds),
                Shape::Binary(_, left, right) => left.any(holds) || right.any(holds),
                Shape::Index { base, index, .. } => base.any(holds) || index.any(holds),
                Shape::Conditional(nodes) => nodes.iter().any(|node| node.any(holds)),
                Shape::Slice(base, from, to) => {
                    base.any(holds) || from.iter().chain(to).any(|node| node.any(holds))
                }
                Shape::Nil
                | Shape::Bool(_)
                | Shape::Integer(_)
                | Shape::Float(_)
                | Shape::Text(_)
                | Shape::Result
                | Shape::Element
                | Shape::ElementIndex => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use crate::Condition;

    #[test]
    fn conditions_say_what_they_provide_for() {
        for (condition, nan, nothing) in [
            ("result[0] > 1", false, false),
            ("isNaN(result[0]) or result[0] > 1", true, false),
            ("all(result, {isNaN(#) or # > 1})", true, false),
            ("all(result, # > 1)", false, false),
            ("len(result) > 0 and result[0] > 1", false, true),
            ("default(result, 0) > 1", false, true),
            ("(result ?? 0) > 1", false, true),
            ("result?.a == 1", false, true),
            ("result != nil ? result.a : true", false, true),
            ("!(isNil(result)) && [isNaN(result)][0]", true, true),
        ] {
            let read = Condition::parse(condition).unwrap();
            assert_eq!((read.provides_for_nan(), read.provides_for_nothing()), (nan, nothing), "{condition}");
        }
    }
}

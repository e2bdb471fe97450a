//! What a JSON value decodes to in the Go types of the Kubernetes API: enough of it to encode a value as Go
//! would, and to tell what Go's semantic equality tells apart.
//!
//! Go drops what carries no information for a *value* (an empty string, `false`, zero, an empty list or map) and
//! keeps it behind a *pointer*: `hostNetwork: false` is the same as none, `runAsNonRoot: false` is not. So both
//! the hash of an object and the equality of two need to know which is which, field by field.

/// What a value decodes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// `string`, and types named over it.
    Text,
    /// `bool`.
    Flag,
    /// `int32`, `int64`.
    Integer,
    /// `resource.Quantity`: an amount with a unit, in a string or a number.
    Quantity,
    /// `intstr.IntOrString`.
    IntOrString,
    /// `metav1.Time`.
    Time,
    /// `json.RawMessage`, `metav1.FieldsV1`: any JSON.
    Raw,
    /// A pointer: absent is not the same as zero.
    Optional(&'static Shape),
    /// A slice.
    List(&'static Shape),
    /// A map from strings.
    Map(&'static Shape),
    /// A struct's fields, in Go's order of declaration.
    Struct(&'static [Field]),
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    /// What it decodes to.
    pub(crate) shape: Shape,
    /// Whether Go writes it when it is empty, because its tag lacks `omitempty`.
    pub(crate) always: bool,
}

/// One constant of type [`Shape`] for each struct. `Name` is a value, `(Name)` a pointer, `[Name]` a slice, `{Name}`
/// a map; `'always` marks a field without `omitempty`.
macro_rules! shapes {
    (@shape ($shape:ident)) => { $crate::shape::Shape::Optional(&$crate::shape::shapes!(@shape $shape)) };
    (@shape [$shape:ident]) => { $crate::shape::Shape::List(&$crate::shape::shapes!(@shape $shape)) };
    (@shape {$shape:ident}) => { $crate::shape::Shape::Map(&$crate::shape::shapes!(@shape $shape)) };
    (@shape Text) => { $crate::shape::Shape::Text };
    (@shape Flag) => { $crate::shape::Shape::Flag };
    (@shape Integer) => { $crate::shape::Shape::Integer };
    (@shape Quantity) => { $crate::shape::Shape::Quantity };
    (@shape IntOrString) => { $crate::shape::Shape::IntOrString };
    (@shape Time) => { $crate::shape::Shape::Time };
    (@shape Raw) => { $crate::shape::Shape::Raw };
    (@shape $shape:ident) => { $shape };
    (@always) => { false };
    (@always $always:lifetime) => { true };
    ($($struct:ident { $($field:ident: $shape:tt $($always:lifetime)?),* $(,)? })*) => {
        $(
            #[allow(non_upper_case_globals)]
            pub(crate) const $struct: $crate::shape::Shape = $crate::shape::Shape::Struct(&[
                $($crate::shape::Field {
                    name: stringify!($field),
                    shape: $crate::shape::shapes!(@shape $shape),
                    always: $crate::shape::shapes!(@always $($always)?),
                }),*
            ]);
        )*
    };
}
pub(crate) use shapes;

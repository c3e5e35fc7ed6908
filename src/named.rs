//! Enumerations whose values have names: in the configuration, and wherever else somebody reads them.

/// Declares one: no value is without a name, and none is missing from the list of all.
macro_rules! named {
    (
        $(#[$about:meta])*
        $visibility:vis enum $kind:ident {
            $($(#[$meaning:meta])* $value:ident = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $kind {
            $($(#[$meaning])* $value,)+
        }

        impl $kind {
            /// Each, by its name.
            $visibility const ALL: &[(&str, Self)] = &[$(($name, Self::$value),)+];

            /// Its name.
            $visibility const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }
        }
    };
}

pub(crate) use named;

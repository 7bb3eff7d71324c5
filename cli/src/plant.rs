//! Defects on purpose: in a build that has them, and in no other.

use cync_core::planted::{Defect, plant};

/// The defect that is planted.
#[derive(clap::Args, Debug)]
pub(crate) struct Plant {
    /// Plant a defect in the core first
    #[arg(long = "plant", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

impl Plant {
    /// Plants it, if there is one.
    pub(crate) fn plant(&self) -> Result<(), String> {
        let Some(name) = &self.name else { return Ok(()) };
        let defect = Defect::from_name(name);
        plant(Some(defect.ok_or_else(|| format!("--plant: no defect is called {name}"))?));
        Ok(())
    }

    /// What a line that does the same again has to end with.
    pub(crate) fn repeated(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |name| format!(" --plant {name}"))
    }
}

"""fokker_planck."""

// The packages.
return shared.part("requests").named((name) => {
  throw new Error(`JavaScript has no packages; '${name}' can be had in a script in Python`);
});

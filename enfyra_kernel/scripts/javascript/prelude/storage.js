// The files; the functions are written with `$`, as in `$storage.$upload`.
const { request, named } = shared.part("requests");
return named((name) => {
  if (!/^\$?\w{1,64}$/.test(name)) throw new TypeError("$storage has no function of that name");
  return (...list) => request(`storage.${name.replace("$", "")}`, list);
});

// Loaded before the first paint, so that a remembered theme never flashes in the wrong colours.
try {
  const remembered = localStorage.getItem("firstlight.theme");
  if (remembered === "light" || remembered === "dark") document.documentElement.dataset.theme = remembered;
} catch {
  // Storage may be forbidden; the system's preference then decides.
}

// Runs before the first paint: the visitor's own choice of light or dark, else the system's.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const stored = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };
  const apply = () => { root.dataset.bsTheme = stored() ?? (system.matches ? "dark" : "light"); };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.addEventListener("click", () => {
        const chosen = root.dataset.bsTheme === "dark" ? "light" : "dark";
        // Choosing what the system says anyway means following the system again.
        try {
          if (chosen === (system.matches ? "dark" : "light")) localStorage.removeItem("theme");
          else localStorage.setItem("theme", chosen);
        } catch { /* without storage the choice lasts for this page */ }
        root.dataset.bsTheme = chosen;
      });
    }
  });
})();

// Short messages that float: any script may call dispatchEvent(new CustomEvent("toast", { detail: "…" })).
const shelf = document.getElementById("toasts");
const SHOWN_MS = 5000;

function show(text) {
  if (!text || !shelf) return;
  const line = document.createElement("div");
  line.className = "toast-line";
  const words = document.createElement("span");
  words.textContent = text;
  const dismiss = document.createElement("button");
  dismiss.type = "button";
  dismiss.className = "icon-button";
  dismiss.textContent = "×";
  dismiss.setAttribute("aria-label", shelf.dataset.dismiss);
  dismiss.addEventListener("click", () => line.remove());
  line.append(words, dismiss);
  shelf.append(line);
  let timer = setTimeout(() => line.remove(), SHOWN_MS);
  line.addEventListener("pointerenter", () => clearTimeout(timer));
  line.addEventListener("pointerleave", () => { timer = setTimeout(() => line.remove(), SHOWN_MS); });
}

addEventListener("toast", (event) => show(event.detail));
addEventListener("offline", () => show(shelf?.dataset.offline));
document.addEventListener("htmx:responseError", () => show(shelf?.dataset.failed));
document.addEventListener("htmx:sendError", () => show(shelf?.dataset.offline));

// The server marks wrong fields; the first one is where the person goes on.
document.querySelector("[aria-invalid='true']")?.focus();

// A button that is pressed twice sends twice: the second press waits for the first answer.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Suggestions under the search fields: words at once, pictures when the typing pauses. Without this script the field
// is a plain one. Keys as in every list of this kind: down and up choose, Enter opens, Escape closes.
const WORDS_AFTER_MS = 90;
const PICTURES_AFTER_MS = 450;

for (const form of document.querySelectorAll("form[data-suggest]")) {
  const field = form.querySelector("input[type='search']");
  const box = document.createElement("div");
  box.className = "suggestions";
  box.hidden = true;
  const list = (name) => {
    const element = document.createElement("ul");
    element.className = `suggestions__${name}`;
    element.setAttribute("role", "group");
    return element;
  };
  const words = list("words");
  const pictures = list("pictures");
  box.id = `${field.id}-suggestions`;
  box.setAttribute("role", "listbox");
  box.setAttribute("aria-label", form.dataset.suggestLabel);
  words.setAttribute("aria-label", form.dataset.suggestLabel);
  pictures.setAttribute("aria-label", form.dataset.suggestPicturesLabel);
  box.append(words, pictures);
  form.append(box);
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-expanded", "false");
  field.setAttribute("aria-controls", box.id);

  let chosen = null;
  let asked = "";
  let timers = [];
  let running = null;
  const options = () => [...box.querySelectorAll("[role='option']")];

  function show() {
    const some = options().length > 0 && document.activeElement === field;
    box.hidden = !some;
    field.setAttribute("aria-expanded", String(some));
  }
  function choose(option) {
    chosen?.setAttribute("aria-selected", "false");
    chosen = option;
    chosen?.setAttribute("aria-selected", "true");
    chosen?.scrollIntoView({ block: "nearest" });
    if (chosen) field.setAttribute("aria-activedescendant", chosen.id);
    else field.removeAttribute("aria-activedescendant");
  }
  function close() {
    timers.forEach(clearTimeout);
    running?.abort();
    choose(null);
    words.replaceChildren();
    pictures.replaceChildren();
    show();
  }
  async function fill(place, text, parameters) {
    try {
      const query = new URLSearchParams({ q: text, ...parameters });
      const answer = await fetch(`${form.dataset.suggest}?${query}`, { signal: running.signal, headers: { Accept: "text/html" } });
      if (!answer.ok || field.value.trim() !== text) return;
      const fragment = document.createElement("template");
      fragment.innerHTML = await answer.text();
      if (field.value.trim() !== text) return;
      choose(null);
      place.replaceChildren(...fragment.content.querySelectorAll("li"));
      for (const option of place.children) option.id = `${field.id}-${option.id}`;
      show();
    } catch {
      // Somebody typed on, or there is no connection: a suggestion is not worth a message.
    }
  }

  field.addEventListener("input", () => {
    const text = field.value.trim();
    if (text === asked && !box.hidden) return;
    asked = text;
    timers.forEach(clearTimeout);
    running?.abort();
    running = new AbortController();
    if (text.length < 2) return close();
    timers = [
      setTimeout(() => fill(words, text, {}), WORDS_AFTER_MS),
      setTimeout(() => fill(pictures, text, { pictures: 1 }), PICTURES_AFTER_MS),
    ];
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || box.hidden) return;
    const all = options();
    const at = all.indexOf(chosen);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = event.key === "ArrowDown" ? at + 1 : at < 0 ? all.length - 1 : at - 1;
      choose(all[next] ?? null);
    } else if (event.key === "Enter" && chosen) {
      event.preventDefault();
      chosen.querySelector("a").click();
    } else if (event.key === "Escape") {
      event.preventDefault();
      close();
    }
  });
  // A press on an option takes the focus from the field before the click comes.
  box.addEventListener("pointerdown", (event) => event.preventDefault());
  field.addEventListener("blur", close);
}

// The sell page: photos go up as soon as they are chosen, can be put in order by hand or keyboard, and what they
// suggest fills the fields that nobody has touched. Without this script the form uploads and publishes all the same.
const form = document.querySelector("form[data-sell]");

if (form) {
  const tiles = form.querySelector("[data-tiles]");
  const add = form.querySelector("[data-add]");
  const input = add.querySelector("input[type='file']");
  const suggestions = document.getElementById("suggestions");
  const preview = document.querySelector("[data-preview]");
  const touched = new Set();
  const say = (text) => dispatchEvent(new CustomEvent("toast", { detail: text }));
  const photoTiles = () => [...tiles.children].filter((tile) => tile.querySelector("input[name='photos']"));

  // Photos

  async function upload(file) {
    const tile = document.createElement("li");
    tile.className = "photo-tile photo-tile--busy";
    const shown = Object.assign(new Image(), { src: URL.createObjectURL(file), alt: "" });
    const spinner = document.createElement("span");
    spinner.className = "spinner";
    tile.append(shown, spinner);
    tiles.append(tile);
    const body = new FormData();
    body.append("photo", file);
    const token = form.querySelector("[name='csrfmiddlewaretoken']").value;
    try {
      const answer = await fetch(form.dataset.photoUrl, { method: "POST", body, headers: { "X-CSRFToken": token } });
      if (!answer.ok && answer.status !== 422) throw new Error(String(answer.status));
      const fragment = document.createElement("template");
      fragment.innerHTML = await answer.text();
      tile.replaceWith(fragment.content);
    } catch {
      tile.remove();
      say(document.getElementById("toasts").dataset.failed);
    } finally {
      URL.revokeObjectURL(shown.src);
    }
  }

  async function take(files) {
    const room = Number(form.dataset.most) - photoTiles().length;
    const photos = [...files];
    if (photos.length > room) say(form.dataset.tooMany);
    // Three at a time: quick on a good line, fair to the server on a bad one.
    const waiting = photos.slice(0, Math.max(room, 0));
    await Promise.all([0, 1, 2].map(async () => { while (waiting.length) await upload(waiting.shift()); }));
    changed();
  }

  function changed() {
    add.classList.toggle("is-compact", photoTiles().length > 0);
    drawPreview();
    suggestions.dispatchEvent(new Event("photos-changed"));
  }

  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    take(files);
  });
  for (const zone of [add, tiles]) {
    zone.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      add.classList.add("is-dropping");
    });
    zone.addEventListener("dragleave", () => add.classList.remove("is-dropping"));
    zone.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      add.classList.remove("is-dropping");
      take(event.dataTransfer.files);
    });
  }
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (files.length) take(files);
  });

  // Order

  // At an end of the row the button that led there is gone: the one that leads back takes its place.
  function focusMoved(tile, button) {
    const atAnEnd = !(button.dataset.move === "1" ? tile.nextElementSibling : tile.previousElementSibling);
    (atAnEnd ? tile.querySelector(`[data-move="${-button.dataset.move}"]`) : button).focus();
  }
  tiles.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const tile = button?.closest("li");
    if (!tile) return;
    if ("remove" in button.dataset) {
      const next = tile.nextElementSibling ?? tile.previousElementSibling;
      tile.remove();
      (next?.querySelector("[data-remove]") ?? input).focus();
      changed();
    } else if (button.dataset.move === "-1" && tile.previousElementSibling) {
      tile.previousElementSibling.before(tile);
      focusMoved(tile, button);
      drawPreview();
    } else if (button.dataset.move === "1" && tile.nextElementSibling) {
      tile.nextElementSibling.after(tile);
      focusMoved(tile, button);
      drawPreview();
    }
  });
  let dragged = null;
  tiles.addEventListener("dragstart", (event) => {
    dragged = event.target.closest("li");
    dragged?.classList.add("is-dragged");
    event.dataTransfer.effectAllowed = "move";
  });
  tiles.addEventListener("dragover", (event) => {
    const over = event.target.closest("li");
    if (!dragged || !over || over === dragged) return;
    event.preventDefault();
    const later = dragged.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
    over[later ? "after" : "before"](dragged);
  });
  tiles.addEventListener("dragend", () => {
    dragged?.classList.remove("is-dragged");
    dragged = null;
    drawPreview();
  });

  // Suggestions

  function fill(button, { byHand }) {
    const field = form.elements[button.dataset.fill];
    if (!field || (!byHand && (touched.has(field.name) || field.value))) return;
    field.value = button.dataset.value;
    if (byHand) touched.add(field.name);
    const box = field.closest("[data-field]");
    box?.querySelector(".field__suggested")?.remove();
    if (!byHand && box) {
      const note = document.createElement("div");
      note.className = "field__suggested";
      note.textContent = form.dataset.suggested;
      box.append(note);
    }
    drawPreview();
  }
  const fillBest = () => suggestions.querySelectorAll("[data-best]").forEach((best) => fill(best, { byHand: false }));
  suggestions.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fill]");
    if (button) fill(button, { byHand: true });
  });
  suggestions.addEventListener("htmx:afterSwap", fillBest);
  form.addEventListener("input", (event) => {
    touched.add(event.target.name);
    event.target.closest("[data-field]")?.querySelector(".field__suggested")?.remove();
    drawPreview();
  });

  // Attributes: only those of the chosen category, and those that already say something

  function showFitting() {
    for (const field of form.querySelectorAll("[data-categories]")) {
      const fitting = field.dataset.categories.split(" ");
      const fits = !field.dataset.categories || fitting.includes(form.elements.category.value);
      field.closest("[data-field]").hidden = !fits && !field.value;
    }
  }

  // Preview: the real card

  function drawPreview() {
    showFitting();
    if (!preview) return;
    const price = form.elements.price?.value;
    const currency = form.elements.currency?.value.toUpperCase();
    let text = "";
    if (price !== "" && !Number.isNaN(Number(price))) {
      try {
        const digits = Number.isInteger(Number(price)) ? 0 : 2;
        const style = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
        text = new Intl.NumberFormat(document.documentElement.lang, style).format(price);
      } catch {
        text = `${price} ${currency}`;
      }
    }
    preview.querySelector("[data-preview-price]").textContent = text || "—";
    preview.querySelector("[data-preview-title]").textContent = form.elements.title.value || "…";
    const condition = form.elements.condition;
    preview.querySelector("[data-preview-condition]").textContent = condition.selectedOptions?.[0]?.textContent ?? "";
    preview.querySelector(".listing-card__meta span").textContent = form.dataset.seller;
    const frame = preview.querySelector(".listing-card__photo");
    const cover = tiles.querySelector("li:has(input[name='photos']) img");
    let picture = frame.querySelector("img");
    if (!cover) return picture?.remove();
    if (!picture) {
      picture = new Image();
      picture.alt = "";
      frame.append(picture);
    }
    if (picture.src !== cover.src) picture.src = cover.src;
  }

  fillBest();
  drawPreview();
}

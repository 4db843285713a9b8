// Finding by photo without a detour: the camera button, a dropped file, a pasted picture. Without this script the
// camera button is a link to the search page, where a plain file field does the same.
const form = document.getElementById("photo-search-form");
const input = form?.querySelector("input[type='file']");
const texts = document.getElementById("toasts")?.dataset ?? {};
const say = (text) => dispatchEvent(new CustomEvent("toast", { detail: text }));

function searchBy(file) {
  if (!file?.type.startsWith("image/")) return say(texts.notAPhoto);
  const carrier = new DataTransfer();
  carrier.items.add(file);
  input.files = carrier.files;
  // Words that stand in the field go along, so that a photo can be narrowed by words.
  const words = [...document.querySelectorAll("input[type='search'][name='q']")].map((field) => field.value.trim()).find(Boolean);
  form.querySelector("input[name='q']")?.remove();
  if (words) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "q", value: words }));
  const waiting = document.createElement("div");
  waiting.className = "searching";
  const picture = Object.assign(new Image(), { src: URL.createObjectURL(file), alt: "" });
  const line = document.createElement("span");
  line.setAttribute("role", "status");
  line.textContent = texts.searching;
  waiting.append(picture, line);
  document.body.append(waiting);
  form.requestSubmit();
}

if (form && input) {
  input.addEventListener("change", () => input.files.length && searchBy(input.files[0]));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-photo-search]");
    if (!button) return;
    event.preventDefault();
    if (button.dataset.photoSearch === "camera") input.setAttribute("capture", "environment");
    else input.removeAttribute("capture");
    input.click();
  });
  for (const zone of document.querySelectorAll("[data-drop-photo]")) {
    const mark = (on) => zone.classList.toggle("is-dropping", on);
    zone.addEventListener("dragover", (event) => { event.preventDefault(); mark(true); });
    zone.addEventListener("dragleave", () => mark(false));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      if (event.dataTransfer.files.length) searchBy(event.dataTransfer.files[0]);
    });
  }
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((each) => each.type.startsWith("image/"));
    if (!file || document.querySelector("[data-sell]")) return;
    event.preventDefault();
    searchBy(file);
  });
  addEventListener("pageshow", () => {
    document.querySelector(".searching")?.remove();
    form.reset();
  });
}

// A plain file field sends itself once a photo is chosen.
document.querySelector("[data-send-on-choice]")?.addEventListener("change", (event) => event.target.form.requestSubmit());

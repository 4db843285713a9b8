// Copy the link, or hand it to the phone's own share sheet. Without this script the link stands in a field to copy.
for (const box of document.querySelectorAll("[data-share]")) {
  const field = box.querySelector("input");
  const copy = box.querySelector("[data-copy]");
  const native = box.querySelector("[data-native-share]");
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // The clipboard needs https or localhost; the old way works everywhere.
      field.select();
      document.execCommand("copy");
    }
    box.hidePopover?.();
    dispatchEvent(new CustomEvent("toast", { detail: copy.dataset.done }));
  });
  if (navigator.share) {
    native.hidden = false;
    native.addEventListener("click", () => navigator.share({ title: document.title, url: field.value }).catch(() => {}));
  }
}

// The gallery swipes and its thumbnails jump without this script; with it, thumbnails follow and a photo can be enlarged.
const gallery = document.querySelector("[data-gallery]");

if (gallery) {
  const track = gallery.querySelector(".gallery__track");
  const slides = [...track.children];
  const thumbs = [...gallery.querySelectorAll(".gallery__thumbs a")];
  const count = gallery.querySelector(".gallery__count");
  const dialog = document.getElementById("zoom");
  const stage = dialog.querySelector(".zoom__scroll");
  const large = dialog.querySelector("img");
  let current = 0;

  const mark = (index) => {
    current = index;
    thumbs.forEach((thumb, i) => thumb.setAttribute("aria-current", String(i === index)));
    if (count) count.textContent = `${index + 1} / ${slides.length}`;
  };
  const seen = new IntersectionObserver((entries) => {
    const entry = entries.find((each) => each.isIntersecting);
    if (entry) mark(slides.indexOf(entry.target));
  }, { root: track, threshold: 0.6 });
  slides.forEach((slide) => seen.observe(slide));

  const go = (index) => track.scrollTo({ left: slides[index].offsetLeft - track.offsetLeft, behavior: "smooth" });
  thumbs.forEach((thumb, index) => thumb.addEventListener("click", (event) => { event.preventDefault(); go(index); }));

  const enlarge = (index) => {
    const link = slides[(index + slides.length) % slides.length].querySelector("a");
    mark((index + slides.length) % slides.length);
    stage.classList.remove("is-large");
    large.src = link.href;
    large.alt = link.querySelector("img").alt;
    if (!dialog.open) dialog.showModal();
  };
  slides.forEach((slide, index) => slide.querySelector("a").addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    enlarge(index);
  }));
  large.addEventListener("click", () => stage.classList.toggle("is-large"));
  stage.addEventListener("click", (event) => { if (event.target === stage) dialog.close(); });
  for (const [selector, step] of [[".zoom__previous", -1], [".zoom__next", 1]]) {
    const button = dialog.querySelector(selector);
    button.hidden = slides.length < 2;
    button.addEventListener("click", () => enlarge(current + step));
  }
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") enlarge(current - 1);
    if (event.key === "ArrowRight") enlarge(current + 1);
  });
  dialog.addEventListener("close", () => go(current));
}

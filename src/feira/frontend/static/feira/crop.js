// Choosing the part of a photo that counts, by pointer or keyboard. Without this script a few buttons do the same.
const WHOLE = 1000;
const LEAST = 60;
const STEP = 20;
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

const drawn = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

class Crop {
  constructor(details) {
    this.stage = details.querySelector(".crop__stage");
    this.button = details.querySelector("[data-crop-go]");
    const frame = drawn("svg");
    frame.setAttribute("viewBox", `0 0 ${WHOLE} ${WHOLE}`);
    frame.setAttribute("preserveAspectRatio", "none");
    [this.veil, this.box, this.corner] = ["path", "rect", "path"].map(drawn);
    [this.veil, this.box, this.corner].forEach((part, place) => part.setAttribute("class", ["crop__veil", "crop__box", "crop__corner"][place]));
    this.box.setAttribute("tabindex", "0");
    this.box.setAttribute("role", "application");
    frame.append(this.veil, this.box, this.corner);
    this.stage.append(frame);
    details.querySelector("[data-crop-help]").hidden = this.button.hidden = false;
    const given = details.dataset.crop.split(",").map((part) => Math.round(Number(part) * WHOLE));
    const [left, top, width, height] = given.length === 4 ? given : [150, 150, 700, 700];
    this.show({ left, top, width, height });
    this.stage.addEventListener("pointerdown", (event) => this.grab(event));
    this.box.addEventListener("keydown", (event) => this.press(event));
  }

  show({ left, top, width, height }) {
    width = clamp(Math.round(width), LEAST, WHOLE);
    height = clamp(Math.round(height), LEAST, WHOLE);
    left = clamp(Math.round(left), 0, WHOLE - width);
    top = clamp(Math.round(top), 0, WHOLE - height);
    this.now = { left, top, width, height };
    for (const [name, value] of Object.entries({ x: left, y: top, width, height })) this.box.setAttribute(name, value);
    const [right, bottom] = [left + width, top + height];
    this.veil.setAttribute("d", `M0 0H${WHOLE}V${WHOLE}H0ZM${left} ${top}V${bottom}H${right}V${top}Z`);
    this.corner.setAttribute("d", `M${right - 70} ${bottom}H${right}V${bottom - 70}`);
    this.button.value = [left, top, width, height].map((value) => value / WHOLE).join(",");
    const told = [left, top, width, height].map((value) => `${Math.round(value / 10)} %`).join(", ");
    this.box.setAttribute("aria-label", `${this.button.dataset.label}: ${told}`);
  }

  // A press on the box moves it, on its corner changes its size, anywhere else draws a new one.
  grab(event) {
    if (event.button) return;
    event.preventDefault();
    this.box.focus({ preventScroll: true });
    this.stage.setPointerCapture(event.pointerId);
    const frame = this.stage.getBoundingClientRect();
    const place = ({ clientX, clientY }) => [
      clamp(((clientX - frame.left) / frame.width) * WHOLE, 0, WHOLE),
      clamp(((clientY - frame.top) / frame.height) * WHOLE, 0, WHOLE),
    ];
    const [x, y] = place(event);
    const before = this.now;
    const isCorner = event.target === this.corner;
    const isMove = event.target === this.box;
    const drag = (moved) => {
      const [nowX, nowY] = place(moved);
      if (isMove) this.show({ ...before, left: before.left + nowX - x, top: before.top + nowY - y });
      else if (isCorner) this.show({ ...before, width: nowX - before.left, height: nowY - before.top });
      else this.show({ left: Math.min(x, nowX), top: Math.min(y, nowY), width: Math.abs(nowX - x), height: Math.abs(nowY - y) });
    };
    const end = () => this.stage.removeEventListener("pointermove", drag);
    this.stage.addEventListener("pointermove", drag);
    this.stage.addEventListener("pointerup", end, { once: true });
    this.stage.addEventListener("pointercancel", end, { once: true });
  }

  press(event) {
    const move = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (event.key === "Enter") this.button.click();
    if (!move) return;
    event.preventDefault();
    const { left, top, width, height } = this.now;
    const [x, y] = move;
    this.show(event.shiftKey ? { left, top, width: width + x, height: height + y } : { left: left + x, top: top + y, width, height });
  }
}

const ready = new WeakSet();
const open = (details) => {
  if (!details.matches?.("details.crop[open]") || ready.has(details)) return;
  ready.add(details);
  new Crop(details);
};
// `toggle` does not bubble, but it can be caught on its way down: that holds for what htmx brings as well.
document.addEventListener("toggle", (event) => open(event.target), true);
document.querySelectorAll("details.crop[open]").forEach(open);

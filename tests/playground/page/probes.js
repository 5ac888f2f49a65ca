// Looks at the open page and lists what is wrong with it; evaluated by test_form.py.
({
  // Elements out of sight sideways, except inside boxes that scroll by themselves.
  overflowing() {
    const scrolled = "pre > *, .b-table > *, .sidebar:not(.open), svg.symbols";
    const sticksOut = (box) => box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
    return [...document.querySelectorAll("body *")]
      .filter((node) => !node.closest(scrolled) && sticksOut(node.getBoundingClientRect()))
      .map((node) => node.outerHTML.slice(0, 120));
  },

  unnamed() {
    const controls = "button, select, textarea, input, a[href], img, [role=log], [role=region], nav, aside";
    const named = (node) => node.ariaLabel || node.alt || node.textContent.trim() || node.labels?.length;
    return [...document.querySelectorAll(controls)].filter((node) => !named(node)).map((node) => node.outerHTML.slice(0, 120));
  },

  // WCAG 1.4.3: contrast of every visible text with what lies behind it; a canvas turns any colour syntax into bytes.
  lowContrast() {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      return pen.getImageData(0, 0, 1, 1).data;
    };
    const over = (top, below) => [0, 1, 2].map((i) => (top[i] * top[3] + below[i] * (255 - top[3])) / 255);
    const behind = (node) => (node ? over(rgba(getComputedStyle(node).backgroundColor), behind(node.parentElement)) : [255, 255, 255]);
    const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const light = (rgb) => rgb.reduce((sum, c, i) => sum + linear(c / 255) * [0.2126, 0.7152, 0.0722][i], 0);
    const ratio = (node) => {
      const ground = behind(node);
      const [dark, bright] = [light(over(rgba(getComputedStyle(node).color), ground)), light(ground)].sort((x, y) => x - y);
      return (bright + 0.05) / (dark + 0.05);
    };
    return [...document.querySelectorAll("body *")]
      .filter((node) => [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim()))
      .filter((node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
      .filter((node) => !node.closest(".bar, .emoji, option") && ratio(node) < 4.5)
      .map((node) => `${ratio(node).toFixed(2)} ${node.className} ${node.textContent.slice(0, 40)}`);
  },
})

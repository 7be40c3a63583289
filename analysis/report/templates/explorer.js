"use strict";
{
  const STEPS = 100, LARGE = 5, LATENTS = 2;

  // Whole multiples of a step: all low bytes, then all high bytes; gzip; base64.
  const unpack = async ({ step, data }) => {
    const packed = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const count = bytes.length / 2;
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      values[i] = (((bytes[count + i] << 24) >> 16) | bytes[i]) * step;
    }
    return values;
  };

  const unpackLayer = async ({ outputs, weight, bias }) => ({
    outputs, weight: await unpack(weight), bias: await unpack(bias),
  });

  // All of one input's weights stand together, and after a ReLU most hidden units are silent.
  const linear = ({ outputs, weight, bias }, inputs) => {
    const sums = Float64Array.from(bias);
    for (let j = 0; j < inputs.length; j++) {
      const value = inputs[j];
      if (value === 0) continue;
      const start = j * outputs;
      for (let i = 0; i < outputs; i++) sums[i] += weight[start + i] * value;
    }
    return sums;
  };

  const sigmoid = (v) => 1 / (1 + Math.exp(-v));
  const ACTIVATIONS = {
    "relu": (v) => Math.max(v, 0),
    "leaky-relu": (v) => Math.max(v, 0.01 * v),
    "elu": (v) => (v > 0 ? v : Math.expm1(v)),
    "gelu": (v) => v * sigmoid(Math.sqrt(8 / Math.PI) * (v + 0.044715 * v ** 3)),
    "silu": (v) => v * sigmoid(v),
    "tanh": Math.tanh,
  };

  const decode = (layers, activation, inputs) => {
    let values = inputs;
    for (const layer of layers.slice(0, -1)) values = linear(layer, values).map(ACTIVATIONS[activation]);
    return linear(layers[layers.length - 1], values).map(sigmoid);
  };

  const draw = (canvas, intensities) => {
    const picture = new ImageData(canvas.width, canvas.height);
    const pixels = canvas.width * canvas.height, channels = intensities.length / pixels;
    for (let i = 0; i < pixels; i++) {
      // A grey pixel has one value for red, green and blue.
      for (let c = 0; c < 3; c++) {
        picture.data[4 * i + c] = Math.round(255 * intensities[i * channels + (channels === 3 ? c : 0)]);
      }
      picture.data[4 * i + 3] = 255;
    }
    // So small a canvas gains nothing from a graphics card.
    canvas.getContext("2d", { willReadFrequently: true }).putImageData(picture, 0, 0);
  };

  const start = async (plane) => {
    const { low, high, activation, layers: packed } = JSON.parse(plane.querySelector("script").textContent);
    const layers = await Promise.all(packed.map(unpackLayer));
    const map = plane.querySelector(".map"), point = plane.querySelector(".point");
    const canvas = plane.querySelector("canvas"), time = plane.querySelector(".time");
    const inputs = [...plane.querySelectorAll("[data-axis]")];
    const asked = plane.querySelector(".classes");
    const classes = layers[0].weight.length / layers[0].outputs - LATENTS;
    const z = [0, 0];

    const oneHot = () => {
      if (!asked) return [];
      const chosen = Number(asked.querySelector(":checked").value);
      return Array.from({ length: classes }, (_, label) => Number(label === chosen));
    };
    const show = () => {
      const begin = performance.now();
      draw(canvas, decode(layers, activation, [...z, ...oneHot()]));
      time.textContent = `decoded in ${(performance.now() - begin).toFixed(1)} ms`;
      point.style.left = `${(100 * (z[0] - low[0])) / (high[0] - low[0])}%`;
      point.style.top = `${(100 * (high[1] - z[1])) / (high[1] - low[1])}%`;
    };
    const moveTo = (place) => {
      place.forEach((value, axis) => {
        z[axis] = Math.min(Math.max(value, low[axis]), high[axis]);
        inputs[axis].value = z[axis].toFixed(2);
      });
      show();
    };

    const follow = (event) => {
      const box = map.getBoundingClientRect();
      const across = (event.clientX - box.left) / box.width, down = (event.clientY - box.top) / box.height;
      moveTo([low[0] + across * (high[0] - low[0]), high[1] - down * (high[1] - low[1])]);
    };
    map.addEventListener("pointerdown", (event) => {
      map.setPointerCapture(event.pointerId);
      follow(event);
    });
    map.addEventListener("pointermove", (event) => {
      if (map.hasPointerCapture(event.pointerId)) follow(event);
    });
    const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
    map.addEventListener("keydown", (event) => {
      if (event.key === "Home") moveTo([0, 0]);
      else if (event.key in ARROWS) {
        const step = ((high[0] - low[0]) / STEPS) * (event.shiftKey ? LARGE : 1);
        moveTo(ARROWS[event.key].map((direction, axis) => z[axis] + direction * step));
      } else return;
      event.preventDefault();
    });
    inputs.forEach((input, axis) => {
      input.addEventListener("input", () => {
        // Typed numbers are taken as they are, and may well lie outside the map.
        if (Number.isFinite(input.valueAsNumber)) {
          z[axis] = input.valueAsNumber;
          show();
        }
      });
    });
    asked?.addEventListener("change", show);

    for (const part of plane.querySelectorAll(".point, .decoded, .classes")) part.hidden = false;
    moveTo([0, 0]);
    time.textContent = ""; // the first time says how long the browser takes to warm up
    plane.dataset.ready = "";
  };

  for (const plane of document.querySelectorAll(".plane")) {
    start(plane).catch((error) => plane.append(`The decoder cannot be run: ${error.message}`));
  }
}

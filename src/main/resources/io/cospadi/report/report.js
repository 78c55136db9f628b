// Draws every plot of the page from the JSON beside its canvas. Colours come from the style sheet, so both schemes have theirs.
(() => {
  "use strict";
  const narrow = "\u202f";
  const thousands = (value) => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, narrow);

  // the rules of Unit.java
  const digits = (value, count) => {
    const magnitude = Math.abs(value);
    if (magnitude === 0) return "0";
    if (magnitude < 1e-4 || magnitude >= 1e7) return value.toExponential(count - 1);
    return value.toFixed(Math.max(0, count - 1 - Number(magnitude.toExponential(count - 1).split("e")[1])));
  };
  const formats = {
    bytes(value) {
      const names = ["B", "kB", "MB", "GB", "TB"];
      let i = 0;
      while (Math.abs(value) >= 999.5 && i < names.length - 1) { value /= 1000; i++; }
      return (i === 0 ? value.toFixed(0) : digits(value, 3)) + narrow + names[i];
    },
    seconds(value) {
      if (value < 0.9995) return (value * 1000).toFixed(0) + narrow + "ms";
      if (value < 59.95) return digits(value, 3) + narrow + "s";
      const whole = Math.round(value), two = (part) => String(part).padStart(2, "0");
      return whole < 3600 ? Math.floor(whole / 60) + ":" + two(whole % 60) + narrow + "min"
        : Math.floor(whole / 3600) + ":" + two(Math.floor(whole / 60) % 60) + ":" + two(whole % 60) + narrow + "h";
    },
    share: (value) => (100 * value).toFixed(1) + narrow + "%",
    error: (value) => digits(value, 3),
    perplexity: (value) => value < 1000 ? value.toFixed(2) : digits(value, 4),
    count: thousands,
  };
  // axes carry round values, which need no trailing zeros
  const brief = (unit) => (value) => {
    if (unit === "seconds" && value >= 59.95) return formats.seconds(value).replace(/:00(?=\u202fmin)/, "");
    return value === 0 ? "0" : formats[unit](value).replace(/(\.\d*?)0+(?=\D|$)/, "$1").replace(/\.(?=\D|$)/, "");
  };

  // a round step of time for about five ticks
  const timeStep = (longest) => [.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 18000, 36000, 86400]
    .find((step) => longest / step <= 6);

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const shapes = ["circle", "rect", "triangle", "rectRot", "star", "crossRot", "cross"];
  const charts = [];

  // values beside lying bars and names beside points, which spare the reader a look at the axis
  const labels = {
    id: "labels",
    afterDatasetsDraw(chart, _, options) {
      if (!options.text) return;
      const context = chart.ctx;
      context.save();
      context.font = "600 13px " + Chart.defaults.font.family;
      context.fillStyle = css("ink");
      context.textBaseline = "middle";
      chart.data.datasets.forEach((set, s) => chart.getDatasetMeta(s).data.forEach((element, i) => {
        const text = options.text(set, i);
        const fits = element.x + options.gap + context.measureText(text).width < chart.width;
        context.textAlign = fits ? "left" : "right";
        context.fillText(text, element.x + (fits ? options.gap : -options.gap), element.y);
      }));
      context.restore();
    },
  };

  function dataset(plot, series, s) {
    const colours = series.colours.map((role) => css(role === "outline" ? "soft" : role));
    const colour = colours.length === 1 ? colours[0] : colours;
    const set = { label: series.label, data: series.values, backgroundColor: colour, borderColor: colour };
    if (plot.kind === "scatter") {
      return { ...set, data: [{ x: series.xs[0], y: series.values[0] }], pointRadius: 8, pointHoverRadius: 10, borderWidth: 3, pointStyle: shapes[s % shapes.length] };
    }
    if (plot.kind === "lines") {
      const sparse = series.values.length <= 40;
      const markers = plot.series.length > 1 ? shapes[s % shapes.length] : "circle";
      return { ...set, borderWidth: 2, pointRadius: sparse ? (series.values.length > 16 ? 2 : 3) : 0, pointHoverRadius: 5, pointStyle: markers, spanGaps: false, tension: 0 };
    }
    if (plot.kind === "columns" && series.colours[0] === "outline") {
      return { ...set, type: "line", stack: "outline", order: -1, borderWidth: 2, borderDash: [5, 4], pointRadius: 0, pointStyle: "line", backgroundColor: "transparent" };
    }
    // a gap of the card's colour keeps neighbouring parts apart where colours alone might not
    const stacked = plot.kind === "stack" || plot.kind === "columns";
    return { ...set, borderColor: css("card"), borderWidth: stacked ? 1 : 0, borderRadius: plot.kind === "ranking" ? 4 : 2, maxBarThickness: plot.kind === "columns" ? 60 : 30, categoryPercentage: .84, barPercentage: .92, minBarLength: stacked ? 0 : 2 };
  }

  function axis(title, more) {
    const { ticks, ...rest } = more;
    return { title: { display: title !== "", text: title, color: css("soft") }, grid: { color: css("line"), ...(more.grid || {}) }, border: { display: false }, ...rest,
      ticks: { color: css("soft"), maxRotation: 0, ...(ticks || {}) } };
  }

  function config(plot, small) {
    const lying = plot.kind === "ranking" || plot.kind === "stack";
    const stacked = plot.kind === "stack" || plot.kind === "columns";
    const scatter = plot.kind === "scatter";
    const format = formats[plot.unit];
    const values = plot.series.flatMap((series) => series.values).filter((value) => value !== null);
    const longest = Math.max(...plot.ticks.map((_, i) => plot.series.reduce((sum, series) => sum + (series.values[i] || 0), 0)));
    const spread = Math.max(...values) / Math.min(...values);
    const measured = axis(small ? "" : plot.y + (plot.log ? ", logarithmic" : ""), {
      type: plot.log ? "logarithmic" : "linear", stacked, beginAtZero: !plot.log && !scatter, grace: scatter ? "12%" : 0,
      ...(plot.least !== null && { min: plot.least }), ...(plot.most !== null && { max: plot.most }),
      ticks: {
        maxTicksLimit: 7, ...(plot.unit === "seconds" && { stepSize: timeStep(longest) }),
        callback: (value) => {
          if (!plot.log) return brief(plot.unit)(value);
          const lead = Number(value.toExponential().split("e")[0]);
          const range = plot.least === null ? spread : plot.most / plot.least;
          return lead === 1 || (range < 300 && (lead === 2 || lead === 5)) || (range < 8 && Number.isInteger(lead)) ? brief(plot.unit)(value) : "";
        },
      },
    });
    if (plot.log) {
      measured.ticks.autoSkip = false;
      delete measured.ticks.maxTicksLimit;
      measured.grid.color = (context) => context.tick && context.tick.label !== "" ? css("line") : "transparent";
    }
    const across = scatter
      ? axis(plot.x, { type: "linear", grace: "14%", ticks: { maxTicksLimit: 6, callback: brief(plot.xUnit) } })
      : axis(lying || small ? "" : plot.x, { type: "category", labels: plot.ticks, stacked, offset: plot.kind !== "lines", grid: { display: false }, ticks: lying ? { color: css("ink"), font: { size: 13 } } : { autoSkipPadding: 12, maxTicksLimit: small ? 8 : 16 } });
    return {
      type: plot.kind === "lines" ? "line" : scatter ? "scatter" : "bar",
      data: { labels: plot.ticks, datasets: plot.series.map((series, s) => dataset(plot, series, s)) },
      plugins: [labels],
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, indexAxis: lying ? "y" : "x",
        interaction: scatter ? { mode: "nearest", intersect: true } : { mode: "index", intersect: false, axis: lying ? "y" : "x" },
        layout: { padding: { right: plot.kind === "ranking" ? 62 : 8, top: 6 } },
        scales: lying ? { x: measured, y: across } : { x: across, y: measured },
        plugins: {
          legend: { display: plot.kind === "lines" && !small && plot.series.length > 1, position: "bottom", labels: { color: css("ink"), usePointStyle: true, boxWidth: 9, boxHeight: 9, padding: small ? 8 : 14 } },
          tooltip: {
            usePointStyle: true, filter: (item) => item.raw !== null && !(stacked && item.raw === 0),
            callbacks: {
              title: (items) => scatter || items.length === 0 ? "" : (lying ? "" : plot.x + " ") + items[0].label,
              label: (item) => " " + item.dataset.label + ": " + (scatter ? formats[plot.xUnit](item.raw.x) + ", " + format(item.raw.y) : format(item.raw)),
            },
          },
          labels: { gap: scatter ? 14 : 9, text: plot.kind === "ranking" ? (set, i) => format(set.data[i]) : scatter ? (set) => set.label : null },
        },
      },
    };
  }

  function draw() {
    while (charts.length > 0) charts.pop().destroy();
    document.querySelectorAll("script.plot").forEach((script) => {
      const canvas = document.getElementById(script.dataset.canvas);
      const small = canvas.parentElement.classList.contains("low");
      charts.push(new Chart(canvas, config(JSON.parse(script.textContent), small)));
      canvas.dataset.drawn = "true";
    });
    document.body.dataset.drawn = String(charts.length);
  }

  window.addEventListener("error", (event) => { document.body.dataset.failure = event.message; });
  document.addEventListener("securitypolicyviolation", (event) => { document.body.dataset.failure = event.violatedDirective + " " + event.blockedURI; });
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  draw();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // paper has no tables to unfold
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
})();

"use strict";
function radfuseCalculator(root) {
  const model = JSON.parse(root.querySelector("script").textContent);
  const none = Number.NaN, values = model.columns.map(() => none), entered = {}, beyond = {};
  const element = (tag, text, where) => {
    const made = document.createElement(tag);
    if (text !== null) made.textContent = text;
    where.appendChild(made);
    return made;
  };
  const logistic = (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
  const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const links = {
    logistic: (x) => logistic(x),
    beta: (x, by) => logistic(by.intercept - by.a * softplus(-x) + by.b * softplus(x)),
    cloglog: (x, by) => -Math.expm1(-by.hazard * Math.exp(x)),
    survival: (x, by) => Math.exp(-by.hazard * Math.exp(x)),
    knots: (x, by) => {
      const at = by.scores, p = by.probabilities, last = at.length - 1;
      if (x <= at[0]) return p[0];
      if (x >= at[last]) return p[last];
      let i = 0;
      while (x >= at[i + 1]) i += 1;
      return p[i] + ((x - at[i]) / (at[i + 1] - at[i])) * (p[i + 1] - p[i]);
    },
  };

  // the score as radfuse.results.score computes it, part by part
  function valued(node, z, here) {
    if (node.kind === "terms") {
      if (node.block !== null && node.block in entered) return entered[node.block];
      let sum = 0;
      node.columns.forEach((column, i) => { sum += node.coefficients[i] * z[column]; });
      return node.intercept + sum;
    }
    let fixed = node.intercept, shared = 0, carried = 0, imputed = 0, whole = 0;
    for (const part of node.parts) {
      const value = part.weight * valued(part.score, z, here);
      const present = part.blocks.some((block) => here[block]);
      if (part.absent !== null) {
        fixed += present ? value : part.weight * part.absent;
        continue;
      }
      whole += part.weight;
      imputed += value;
      if (present) { shared += value; carried += part.weight; }
    }
    return fixed + (carried > 0 ? (shared / carried) * whole : imputed);
  }

  // blocks that change the answer by being there, which the model looks for in columns that it does not use, too
  function awaited(node) {
    return node.kind === "terms" ? [] : node.parts.flatMap((part) =>
      [...(node.parts.length > 1 || part.absent !== null ? part.blocks : []), ...awaited(part.score)]);
  }

  function computed() {
    const here = {}, remarks = [];
    for (const block of model.blocks) here[block] = block in entered || beyond[block] === true;
    model.columns.forEach((column, i) => { if (!Number.isNaN(values[i])) here[column.block] = true; });
    const z = model.columns.map((c, i) => ((Number.isNaN(values[i]) ? c.missing : values[i]) - c.mean) / c.scale);
    let beside = 0;
    for (const item of model.scores.filter((one) => one.block in entered && !one.own)) {
      for (const column of item.columns) z[column] = 0;
      beside += entered[item.block];
      const lacking = model.blocks.filter((block) => !here[block]);
      if (lacking.length) return { problem: `with the ${item.block} score entered, values of ${lacking.join(", ")} are needed too` };
    }
    for (const block of model.blocks) if (!here[block]) remarks.push(`no value of ${block} is known`);
    const score = valued(model.sum, z, here) + beside;
    return { score, remarks, read: model.readings.map((by) => [by.label, links[by.kind](score, by)]) };
  }

  const outcome = root.querySelector("output"), ticks = [];
  function show() {
    for (const [block, label] of ticks)
      label.hidden = block in entered || model.columns.some((c, i) => c.block === block && !Number.isNaN(values[i]));
    const found = computed();
    outcome.textContent = "";
    delete outcome.dataset.probability;
    if (found.problem) { element("p", found.problem, outcome); return; }
    outcome.dataset.probability = String(found.read[0][1]);
    outcome.dataset.score = String(found.score);
    outcome.dataset.read = JSON.stringify(found.read);
    for (const [label, p] of found.read) {
      const line = element("p", null, outcome);
      element("b", p.toFixed(4), line);
      line.append(` ${label}`);
    }
    const p = found.read[0][1], points = (found.score - model.base) / model.unit;
    const called = model.groups
      ? `${["low", "middle", "high"][model.groups.filter((end) => p >= end).length]} risk group`
      : `${p >= model.threshold ? "at or above" : "below"} the threshold ${model.threshold.toFixed(4)}`;
    element("p", `${called}; total points ${points.toFixed(1)}`, outcome);
    for (const remark of found.remarks) element("p", remark, outcome);
  }

  function number(text) {
    const plain = text.trim();
    return plain === "" ? none : /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : null;
  }
  function field(name, where) {
    const label = element("label", null, where);
    element("span", name.replace(/[_\/]/g, "$&\u200b"), label);
    return label;
  }
  function numeric(name, hint, where, take) {
    const input = element("input", null, field(name, where));
    input.type = "text";
    input.inputMode = "decimal";
    input.placeholder = hint;
    input.dataset.name = name;
    input.addEventListener("input", () => {
      const value = number(input.value);
      input.setCustomValidity(value === null ? "a number, with a point for decimals" : "");
      input.classList.toggle("wrong", value === null);
      take(value === null ? none : value);
      show();
    });
    return input;
  }
  const short = (value) => (Math.abs(value) >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(4))));

  const form = root.querySelector(".fields");
  for (const item of model.inputs) {
    if (item.options) {
      const select = element("select", null, field(item.name, form));
      select.dataset.name = item.name;
      element("option", "not known", select).value = "";
      for (const one of item.options) element("option", one.label, select);
      select.addEventListener("change", () => {
        const chosen = item.options[select.selectedIndex - 1];
        for (const column of item.columns) values[column] = chosen ? Number(column === chosen.on) : none;
        show();
      });
    } else {
      const hint = `${short(item.low)} to ${short(item.high)}; if empty ${short(item.missing)}`;
      numeric(item.name, hint, form, (value) => { values[item.column] = value; });
    }
  }

  function cells(text) {
    const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
    const mark = ["\t", ";", ","].find((one) => text.includes(one)) || ",";
    return lines.map((line) => line.split(mark).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1")));
  }
  function pairs(text) {
    const rows = cells(text);
    if (rows.every((row) => row.length === 2)) return rows;
    if (rows.length !== 2 || rows[0].length !== rows[1].length) return null;
    return rows[0].map((name, i) => [name, rows[1][i]]);
  }
  for (const item of model.scores) {
    const group = element("fieldset", null, root.querySelector(".scores"));
    element("legend", `${item.block} score`, group);
    const direct = numeric(`${item.block} score`, `${short(item.low)} to ${short(item.high)}`, group, (value) => {
      if (Number.isNaN(value)) delete entered[item.block]; else entered[item.block] = value;
    });
    const label = field(`or its ${item.columns.length} columns: a CSV header and one row, or a name and a value a line`, group);
    const area = element("textarea", null, label);
    area.rows = 3;
    area.dataset.name = `${item.block} columns`;
    const told = element("p", "", group);
    area.addEventListener("input", () => {
      for (const column of item.columns) values[column] = none;
      direct.disabled = area.value.trim() !== "";
      if (direct.disabled) { delete entered[item.block]; direct.value = ""; }
      const given = direct.disabled ? pairs(area.value) : [];
      const where = new Map(item.columns.map((column) => [model.columns[column].name, column]));
      const wrong = [];
      let known = 0;
      for (const [name, text] of given || []) {
        const value = number(text);
        if (!where.has(name)) continue;
        if (value === null) { wrong.push(name); continue; }
        values[where.get(name)] = value;
        known += Number(!Number.isNaN(value));
      }
      told.textContent = given === null
        ? "neither a header and one row of as many cells, nor a name and a value a line"
        : direct.disabled
          ? `${known} of ${item.columns.length} columns have a value; the others take that of training${wrong.length ? `; no number: ${wrong.slice(0, 3).join(", ")}` : ""}`
          : "";
      show();
    });
  }
  for (const block of model.open.filter((one) => awaited(model.sum).includes(one))) {
    const label = field(`${block}: other columns have values, though none above does`, root.querySelector(".scores"));
    label.className = "tick";
    const box = document.createElement("input");
    label.prepend(box);
    box.type = "checkbox";
    box.dataset.name = `${block} is there`;
    box.addEventListener("change", () => { beyond[block] = box.checked; show(); });
    ticks.push([block, label]);
  }
  show();
}
document.querySelectorAll(".calculator").forEach(radfuseCalculator);

'use strict';
// What the herd tells becomes text here. What is markup was made by the server, of text that it escaped: see `place`.
const find = id => document.getElementById(id);
const element = (name, text, className) => {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};
// How a client in each phase is shown.
const CONDITION = {{conditions}};
// So that a cell does not say by colour alone what is wrong.
const MARK = { trouble: 'slash', failed: 'cross', resting: 'dot' };
const KEPT_EVENTS = 200;
// An answer is waited for so many milliseconds: a request that is lost on the way does not keep the page from asking again.
const PATIENCE = 10000;
// Like events within so many seconds of each other stand in one line.
const TOGETHER = 2;
const clients = new Map();
let order = [], began = null, isWhole = false, chosen = 0, opened = null, pending = [];
let source = null, retryAt = null, isFirst = true, lastHeard = Date.now();

// ---- times, by this browser's clock setting; with the day where a run has several
const local = at => {
  const clock = at.toLocaleTimeString(), isToday = at.toDateString() === new Date().toDateString();
  return isToday ? clock : at.toLocaleDateString([], { month: 'short', day: 'numeric' }) + ' ' + clock;
};
const time = after => began === null ? Math.round(after) + ' s' : local(new Date(began + after * 1000));

// ---- what the server has drawn
const get = path => fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
const drawn = async path => {
  const answer = await get(path), text = await answer.text();
  if (!answer.ok) throw new Error(text);
  const { body } = new DOMParser().parseFromString(text, 'text/html');
  for (const each of body.querySelectorAll('time[datetime]')) each.textContent = local(new Date(each.dateTime));
  return body;
};
// Puts a part where its name says; what has not changed stays, or those who listen would hear it every second.
function place(part) {
  const there = find(part.id), parts = [...part.childNodes];
  if (part.className) there.className = part.className;
  const isSame = there.childNodes.length === parts.length && parts.every((one, at) => one.isEqualNode(there.childNodes[at]));
  if (!isSame) there.replaceChildren(...parts);
}
let isAsking = false;
async function renew() {
  // Nobody sees a page that is hidden, and the tester has other work.
  if (isAsking || document.hidden) return;
  isAsking = true;
  // The stream of events says so, too, if nobody answers.
  try { for (const part of [...(await drawn(isWhole ? '/panels?whole' : '/panels')).children]) place(part); } catch (error) { /* above */ }
  isAsking = false;
}
function show(isAll) {
  isWhole = isAll;
  find('always').setAttribute('aria-pressed', isAll);
  find('lately').setAttribute('aria-pressed', !isAll);
  renew();
}
document.addEventListener('visibilitychange', renew);
find('always').addEventListener('click', () => show(true));
find('lately').addEventListener('click', () => show(false));

// ---- cells
const NAMES = [...new Set(Object.values(CONDITION)), 'ink', 'card'];
let palette = {};
function readPalette() {
  const style = getComputedStyle(document.documentElement);
  palette = Object.fromEntries(NAMES.map(name => [name, style.getPropertyValue('--' + name).trim()]));
}
function grid(width) {
  const count = Math.max(1, order.length);
  const size = Math.max(8, Math.min(30, Math.floor(Math.sqrt(width * 420 / count))));
  const columns = Math.max(1, Math.floor(width / size));
  return { size, columns, rows: Math.ceil(count / columns) };
}
function drawCells() {
  const canvas = find('cells'), width = canvas.clientWidth, shape = grid(width), scale = window.devicePixelRatio || 1;
  const height = Math.max(24, shape.rows * shape.size), [w, h] = [width, height].map(length => Math.max(1, Math.round(length * scale)));
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; canvas.style.height = height + 'px'; }
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const gap = shape.size > 11 ? 2 : 1, side = shape.size - gap;
  order.forEach((number, at) => {
    const condition = CONDITION[clients.get(number).phase];
    const x = at % shape.columns * shape.size, y = Math.floor(at / shape.columns) * shape.size;
    context.fillStyle = palette[condition];
    const up = clients.get(number).up;
    if (up && 'ipv4' in up && 'ipv6' in up) {
      // Two marks: IPv4 on the left, IPv6 on the right.
      const half = (side - 1) / 2, of = is => is ? palette.online : palette[condition === 'online' ? 'trouble' : condition];
      context.fillStyle = of(up.ipv4);
      context.fillRect(x, y, half, side);
      context.fillStyle = of(up.ipv6);
      context.fillRect(x + half + 1, y, half, side);
    } else context.fillRect(x, y, side, side);
    const mark = MARK[condition];
    // Of a client with one of two families the half without bears the stroke.
    if (mark && up && up.ipv4 !== undefined && up.ipv6 !== undefined && up.ipv4 !== up.ipv6) {
      const left = up.ipv4 ? x + side / 2 : x;
      context.strokeStyle = palette.card;
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(left + 1, y + side - 2); context.lineTo(left + side / 2 - 1, y + 2);
      context.stroke();
    } else if (mark) {
      context.strokeStyle = context.fillStyle = palette.card;
      context.lineWidth = 1.5;
      context.beginPath();
      if (mark === 'dot') { context.arc(x + side / 2, y + side / 2, side / 5, 0, 7); context.fill(); }
      else {
        context.moveTo(x + 2, y + side - 2); context.lineTo(x + side - 2, y + 2);
        if (mark === 'cross') { context.moveTo(x + 2, y + 2); context.lineTo(x + side - 2, y + side - 2); }
        context.stroke();
      }
    }
    if (at === chosen && document.activeElement === canvas) {
      context.strokeStyle = palette.ink;
      context.lineWidth = 2;
      context.strokeRect(x, y, side, side);
    }
  });
}

// ---- events
const ofHerd = event => event.client === undefined;
const line = event => element('li', `${time(event.after)}  ${ofHerd(event) ? 'herd' : 'client ' + event.client}: ${event.text}`, event.level + (ofHerd(event) ? ' herd' : ''));
// What many clients tell at one time stands in one line, so that what the herd tells is not lost among them.
const likeness = event => ofHerd(event) ? null : [event.event, event.kind, event.family, event.stage, event.cause, event.reason, event.option, event.asked, event.why].join(' ');
let newest = null;
function addLine(list, event) {
  const kind = likeness(event);
  if (newest && kind !== null && newest.kind === kind && event.after - newest.after <= TOGETHER) {
    newest.after = event.after;
    newest.clients.add(event.client);
    if (newest.clients.size > 1) newest.item.textContent = `${time(newest.from)}  ${newest.clients.size} clients: ${event.text}`;
    return;
  }
  const item = line(event);
  list.prepend(item);
  newest = { kind, item, from: event.after, after: event.after, clients: new Set([event.client]) };
}
function drawEvents() {
  const isAll = find('all').checked, shown = pending.filter(event => isAll || event.level !== 'step');
  pending = [];
  const list = find('list');
  // Of one batch, like events stand where the first of them does, even where others came between.
  const firsts = new Map();
  const placed = shown.map((event, at) => {
    const kind = likeness(event), first = firsts.get(kind);
    if (kind === null) return { event, at };
    if (first && event.after - first.after <= TOGETHER) return { event, at: first.at };
    firsts.set(kind, { at, after: event.after });
    return { event, at };
  });
  if (!isAll) placed.sort((one, next) => one.at - next.at);
  for (const { event } of placed) addLine(list, event);
  while (list.childElementCount > KEPT_EVENTS) list.lastChild.remove();
}
// The latest event that stands in the list, and the latest that is in the clients as they were asked for: they may be asked for again.
let listed = 0, taken = 0;
function apply(event) {
  if (event.sequence > listed) { pending.push(event); listed = event.sequence; }
  if (pending.length > 4 * KEPT_EVENTS) pending = pending.filter(one => one.level !== 'step').slice(-2 * KEPT_EVENTS);
  draw();
  if (event.sequence <= taken) return;
  const client = clients.get(event.client);
  if (event.event === 'phase') {
    if (client) { client.phase = event.to; if (!standing(client)) askAgain(); }
    else if (!ofHerd(event)) { clients.set(event.client, { number: event.client, phase: event.to, last_cause: null }); sort(); }
    if (event.to === 'gone') forget();
  } else if (client && (event.event === 'failed' || event.event === 'troubled')) client.last_cause = event.cause;
  else if (client && client.up && event.event === 'family_up') client.up[event.family] = true;
  else if (client && client.up && event.event === 'family_down') { client.up[event.family] = false; client.last_cause = event.cause; }
  if (event.client === opened) openSoon();
  draw();
}
// What a phase says of families: without a link, or a life, there is none. What was kept while the carrier was away is usable again without
// being told of, and one that does without IPv4 is online all the same: there the herd has to be asked, and false is returned.
const DOWN = new Set(['queued', 'namespace', 'link', 'no_carrier', 'backoff', 'failed', 'leaving', 'released', 'gone']);
function standing(client) {
  const up = client.up || {}, all = Object.values(up);
  if (DOWN.has(client.phase)) for (const family in up) up[family] = false;
  else if (client.phase === 'online') return all.every(is => is);
  else if (client.phase === 'partial') return all.some(is => is) && !all.every(is => is);
  return true;
}
let isAskingAgain = false;
function askAgain() {
  if (isAskingAgain) return;
  isAskingAgain = true;
  setTimeout(() => { isAskingAgain = false; resume(); }, 1000);
}
const families = client => client.up ? ' (' + Object.entries(client.up).map(([family, is]) => `${family.replace('ip', 'IP')} ${is ? 'up' : 'down'}`).join(', ') + ')' : '';
// Of those that have left as many are shown as the pool remembers.
function forget() {
  const gone = order.filter(number => clients.get(number).phase === 'gone');
  for (const number of gone.slice(0, -20)) clients.delete(number);
  sort();
}
const sort = () => {
  order = [...clients.keys()].sort((a, b) => a - b);
  chosen = Math.min(chosen, Math.max(0, order.length - 1));
};
let isDrawing = false;
function draw() {
  if (isDrawing) return;
  isDrawing = true;
  // At most ten times a second, whatever happens.
  setTimeout(() => requestAnimationFrame(() => { isDrawing = false; readPalette(); drawCells(); drawEvents(); }), 100);
}

// ---- the server
async function ask(path) {
  const answer = await get('/api/v1/' + path), body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  return body;
}
function state(text, isBad) {
  const where = find('state');
  if (where.textContent !== text) where.textContent = text;
  where.className = isBad ? 'bad' : '';
}
// Everything anew: at the beginning, when something was missed, and when events do not say how clients are.
async function resume(isMissed) {
  if (source) source.close();
  source = null;
  clearTimeout(retryAt);
  try {
    const [all, herd] = await Promise.all([ask('clients'), ask('herd')]);
    clients.clear();
    for (const client of all.clients) clients.set(client.number, client);
    sort();
    taken = all.sequence;
    began = Date.parse(herd.began);
    if (isMissed) listed = taken;
    // At first with what has happened lately, so that it can be read.
    follow(Math.max(0, isFirst ? taken - 2000 : Math.min(taken, listed)));
    isFirst = false;
    draw();
  } catch (error) {
    later();
  }
}
function later() {
  state('no answer; trying again', true);
  clearTimeout(retryAt);
  retryAt = setTimeout(resume, 2000);
}
function follow(after) {
  source = new EventSource('/api/v1/events?after=' + after);
  source.addEventListener('event', message => apply(JSON.parse(message.data)));
  source.addEventListener('missed', () => resume(true));
  source.addEventListener('herd', () => {
    lastHeard = Date.now();
    state('live', false);
    renew();
  });
  source.onerror = () => { if (source && source.readyState === EventSource.CLOSED) later(); };
}
setInterval(() => { if (Date.now() - lastHeard > 5000) state('no news for ' + Math.round((Date.now() - lastHeard) / 1000) + ' s', true); }, 1000);

// ---- one client
let soon = null;
const openSoon = () => { if (!soon) soon = setTimeout(() => { soon = null; if (opened !== null) open(opened); }, 400); };
async function open(number) {
  opened = number;
  const dialog = find('client'), details = find('details');
  find('client-title').textContent = 'Client ' + number;
  if (!dialog.open) { details.replaceChildren(element('p', 'asking', 'note')); dialog.showModal(); }
  let parts;
  try { parts = [...(await drawn('/panels/clients/' + number)).childNodes]; } catch (error) { parts = [element('p', error.message)]; }
  if (opened === number) details.replaceChildren(...parts);
}
find('client').addEventListener('close', () => { opened = null; find('cells').focus(); });
find('close').addEventListener('click', () => find('client').close());

// ---- choosing
function choose(at) {
  if (!order.length) return;
  chosen = Math.max(0, Math.min(order.length - 1, at));
  const client = clients.get(order[chosen]);
  find('chosen').textContent = `Client ${client.number}: ${client.phase}${families(client)}` + (client.last_cause ? `; failed last: ${client.last_cause}` : '') + '. Enter opens it.';
  drawCells();
}
const cells = find('cells');
cells.addEventListener('keydown', event => {
  const { columns } = grid(cells.clientWidth);
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (step) choose(chosen + step);
  else if (event.key === 'Home') choose(0);
  else if (event.key === 'End') choose(order.length - 1);
  else if ((event.key === 'Enter' || event.key === ' ') && order.length) open(order[chosen]);
  else return;
  event.preventDefault();
});
const cellAt = event => {
  const { size, columns } = grid(cells.clientWidth), box = cells.getBoundingClientRect();
  const column = Math.floor((event.clientX - box.left) / size);
  const at = Math.floor((event.clientY - box.top) / size) * columns + column;
  return column >= 0 && column < columns && at < order.length ? at : null;
};
cells.addEventListener('click', event => { const at = cellAt(event); if (at !== null) { choose(at); open(order[at]); } });
cells.addEventListener('mousemove', event => { const at = cellAt(event); cells.title = at === null ? '' : `client ${order[at]}: ${clients.get(order[at]).phase}${families(clients.get(order[at]))}`; });
cells.addEventListener('focus', () => choose(chosen));
cells.addEventListener('blur', draw);
find('all').addEventListener('change', draw);
window.addEventListener('resize', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
readPalette();
resume();

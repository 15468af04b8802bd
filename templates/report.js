(() => {
  'use strict';
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  all('[data-js]').forEach((element) => { element.hidden = false; });

  // Filters: every word must occur in the row; a select must name one of the row's words.
  all('[data-filter]').forEach((box) => {
    const table = document.getElementById(box.dataset.filter);
    const rows = all('tbody tr[data-row]', table);
    const controls = all('input, select', box);
    const output = box.querySelector('output');
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const matches = (row, index, { name, value }) => {
      const wanted = value.trim().toLowerCase();
      if (!wanted) return true;
      if (name === 'q') return wanted.split(/\s+/).every((word) => texts[index].includes(word));
      return ` ${(row.dataset[name] || '').toLowerCase()} `.includes(` ${wanted} `);
    };
    const run = () => {
      let shown = 0;
      rows.forEach((row, index) => {
        row.hidden = !controls.every((control) => matches(row, index, control));
        if (!row.hidden) shown += 1;
      });
      output.value = `${shown} of ${rows.length} shown`;
    };
    controls.forEach((control) => { control.addEventListener('input', run); });
    all('[data-clear]', box).forEach((button) => {
      button.addEventListener('click', () => {
        controls.forEach((control) => { control.value = ''; });
        run();
        controls[0].focus();
      });
    });
    run();
  });

  // Copy a command; where the browser has no clipboard for files, select it.
  const say = (button, word) => {
    button.textContent = word;
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  };
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const code = button.parentNode.querySelector('code');
    const select = () => {
      const selection = getSelection();
      const range = document.createRange();
      range.selectNodeContents(code);
      selection.removeAllRanges();
      selection.addRange(range);
      say(button, 'Selected');
    };
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(() => say(button, 'Copied'), select);
    else select();
  });

  // A link into a fold opens it. A fragment that cannot be decoded names nothing here.
  const reveal = () => {
    let name = '';
    try { name = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = name && document.getElementById(name);
    if (!target) return;
    for (let fold = target.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true;
    const inner = target.querySelector(':scope > details');
    if (inner) inner.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  reveal();

  // Paper shows everything.
  let shut = [];
  addEventListener('beforeprint', () => {
    shut = all('details:not([open])');
    shut.forEach((fold) => { fold.open = true; });
  });
  addEventListener('afterprint', () => { shut.forEach((fold) => { fold.open = false; }); });

  // The section on screen is current in the navigation.
  const links = all('.nav a');
  const sections = links.map((link) => document.querySelector(link.getAttribute('href')));
  if ('IntersectionObserver' in window) {
    const observer = new IntersectionObserver((entries) => {
      entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
        const current = links[sections.indexOf(entry.target)];
        links.forEach((link) => { link.removeAttribute('aria-current'); });
        current.setAttribute('aria-current', 'true');
        current.closest('ol').scrollLeft = current.offsetLeft - 16;
      });
    }, { rootMargin: '-10% 0px -80% 0px' });
    sections.forEach((section) => { if (section) observer.observe(section); });
  }
})();

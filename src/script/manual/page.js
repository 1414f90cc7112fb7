(() => {
  'use strict';
  const box = document.getElementById('find');
  const count = document.getElementById('count');
  const main = document.querySelector('main');
  const none = document.getElementById('none');
  const contents = document.querySelector('nav details');
  const read = (element) => element.textContent.toLowerCase();
  const without = (part, items) => [...part.children].filter((child) => !items.includes(child)).map(read).join(' ');
  const parts = [...document.querySelectorAll('.part')].map((part) => {
    const articles = [...part.querySelectorAll('article')];
    const rows = articles.length ? [] : [...part.querySelectorAll('tbody tr')];
    const items = [...articles, ...rows].map((element) => ({ element, text: read(element) }));
    return { part, items, own: rows.length ? read(part.querySelector('h3')) : without(part, articles) };
  });
  const chapters = [...document.querySelectorAll('.chapter')];
  const links = [...document.querySelectorAll('nav a')].map((link) =>
    ({ link, target: document.getElementById(link.hash.slice(1)) }));
  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (text) => words.every((word) => text.includes(word));
    let found = 0;
    for (const { part, items, own } of parts) {
      const whole = fits(own);
      let shown = 0;
      for (const { element, text } of items) {
        const fit = fits(text);
        element.hidden = !fit;
        shown += fit;
      }
      part.hidden = !shown && !whole;
      found += shown || whole;
    }
    for (const chapter of chapters) {
      chapter.hidden = words.length > 0 && !chapter.querySelector('.part:not([hidden])');
    }
    for (const { link, target } of links) link.hidden = !!target && target.closest('[hidden]') !== null;
    main.classList.toggle('searching', words.length > 0);
    count.textContent = words.length ? `${found} found` : '';
    none.hidden = found > 0;
  };
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.closest('[hidden]')) {
      box.value = '';
      show();
      target.scrollIntoView();
    }
  };
  box.addEventListener('input', show);
  addEventListener('hashchange', reveal);
  addEventListener('keydown', (event) => {
    if (event.key === '/' && document.activeElement !== box) {
      event.preventDefault();
      box.select();
      box.focus();
    } else if (event.key === 'Escape' && box.value) {
      box.value = '';
      show();
    }
  });
  if (matchMedia('(max-width: 60rem)').matches) contents.open = false;
  box.parentElement.hidden = false;
  show();
})();

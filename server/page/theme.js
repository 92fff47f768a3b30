/* theme.js - before anything is painted: the colours that were chosen last, if they were. */
'use strict';
try {
  const theme = localStorage.getItem('theme');
  if (theme === 'light' || theme === 'dark')
    document.documentElement.dataset.theme = theme;
} catch { /* no storage, then the system's colours */ }

/* examples.js - texts to click. */

export const pairs = [
  { name: '天气', lang: 'zh', a: '今天天气不错', b: '今天天气很好' },
  { name: '相似的字，不同的事', lang: 'zh', a: '怎么开通花呗', b: '怎么关闭花呗' },
  { name: 'Paraphrase', a: 'The kettle is boiling.', b: 'The water for the tea is hot.' },
  { name: 'Who did it', a: 'The dog chased the cat.', b: 'The cat chased the dog.' },
  { name: 'Strangers', a: 'The cat sat on the mat.', b: 'Stocks fell sharply after the announcement.' },
  { name: 'Two languages', a: '天气很好', b: 'The weather is nice.' },
];

export const rankings = [
  { name: 'A password', query: 'I forgot my password',
    candidates: ['Where is my order?', 'How do I reset my password?', 'Can I change my email address?',
                 'My account was locked after too many attempts', 'Do you ship abroad?'] },
  { name: '退货', lang: 'zh', query: '衣服买大了可以退吗',
    candidates: ['尺码不合适怎么退货', '下单后几天能发货', '运费是谁出', '这件衣服有红色的吗', '在哪里可以找到客服'] },
  { name: 'A close call', query: 'When do you open?',
    candidates: ['What are your opening hours?', 'At what time does the shop open?', 'Where is the shop?'] },
];

export const matrices = [
  { name: 'Three subjects',
    left: ['The striker scored twice', 'Shares fell by three percent', 'It will rain tomorrow'],
    right: ['She won the race', 'The bank raised its rates', 'A storm is coming', 'The team lost the final'] },
  { name: '三个话题', lang: 'zh', left: ['明天会下雨吗', '怎么还信用卡', '附近有什么好吃的'],
    right: ['天气预报说有雨', '信用卡还款方式', '推荐一家餐厅', '今天很热'] },
  { name: 'Two languages', left: ['天气很好', '他在吃饭', '股市下跌'],
    right: ['The weather is nice.', 'He is eating.', 'The stock market fell.'] },
];

"""The words and phrases of templates.py, by language.

The published texts of kexue 8541, which are a test, are not among them, nor can they be made: no weather, no Beijing,
no film, no apple, no car.
"""

YEARS = [str(year) for year in range(1803, 2020)]
NUMBERS = [str(number) for number in range(3, 900)]

NAMES = {
    "zh": {
        "person": "张伟 王芳 李娜 刘洋 陈静 杨明 赵磊 周敏 吴刚 小红 小明 老李 约翰 玛丽 彼得 安娜 汤姆 露西 经理 医生 老师 邻居".split(),
        "place": "上海 广州 深圳 成都 杭州 南京 武汉 西安 天津 重庆 苏州 青岛 巴黎 伦敦 纽约 东京 罗马 柏林 悉尼 莫斯科".split(),
        "club": "阿森纳 切尔西 皇马 国安 申花 曼联 拜仁 利物浦 尤文 米兰 湖人 火箭 公牛 蓝队 红队 一班 二班 甲公司 乙公司".split(),
        "account": "花呗 借呗 余额宝 银行卡 信用卡 零钱 微信 支付宝 余额 微粒贷 储蓄卡 工资卡 新卡 旧卡".split(),
        "thing": "牛奶 茶 咖啡 米饭 面条 自行车 地铁 电脑 手机 报纸 猫 狗 钢琴 吉他 足球 篮球 书 音乐 夏天 冬天".split(),
        "year": YEARS,
        "number": NUMBERS,
        "colour": "红 黄 蓝 绿 黑 白 灰 紫 粉 橙".split(),
        "people": "男生 女生 男人 女人 老人 孩子 学生 医生 老板 员工 胖子 北方人 南方人 双鱼座 白羊座 天蝎座 猫 狗 爷爷 妈妈".split(),
        "clothes": "裤子 鞋 外套 毛衣 裙子 帽子 围巾 打底衫 衬衫 风衣 牛仔裤 靴子 羽绒服 包".split(),
        "file": "照片 视频 音乐 表格 网页 邮件 电子书 通讯录 聊天记录 压缩包".split(),
        "device": "电脑 手机 平板 电视 相机 优盘 打印机 音箱 路由器 手表".split(),
    },
    "en": {
        "person": "John Mary Peter Anna Tom Lucy James Sarah Robert Linda Alice Henry Carlos Maria".split(),
        "place": "Paris London Rome Berlin Tokyo Madrid Vienna Boston Chicago Dallas Sydney Oslo Cairo Lima".split(),
        "club": "Arsenal Chelsea Liverpool Juventus Milan Bayern Porto Ajax Lazio Celtic Everton Valencia".split(),
        "thing": "tea coffee milk rice bread cats dogs books music football tennis summer winter trains bikes".split(),
        "year": YEARS,
        "number": NUMBERS,
    },
}

SOUNDS = {
    "zh": "阿巴贝布查达德迪杜埃菲弗福戈格哈赫霍伊贾卡凯科克拉莱利林卢罗马梅米"
          "莫纳内尼诺帕佩皮普奇里萨塞沙什斯索塔泰特托瓦威沃西希亚尤扎",
    "en": "al bar ben cor dan del dor er fal gar hal is kar lan lor mar mel nor ol per ral ros sal tan tor ul van vel "
          "wil yor".split(),
}
TITLES = "天龙剑神战斗王星月魔幻仙侠江湖英雄风云火影海梦花城圣古机甲武林飞车枪迷失乐园少年"

# Syllables and endings of which names are put together that no text has: a model must not learn the few names above by
# heart, and what is asked about games, books and series is mostly unheard of.
COINED = {
    "zh": {"person": (SOUNDS["zh"], ("", "", "·{}")),
           "title": (TITLES, ("", "", "传", "世界", "大战", "2", "三国", "纪")),
           "place": (SOUNDS["zh"], ("", "", "镇", "县", "湖", "岛", "山", "河谷")),
           "club": (SOUNDS["zh"], ("", "队", "大学", "学院", "乐队", "银行", "公司", "俱乐部"))},
    "en": {"person": (SOUNDS["en"], ("", " {}")),
           "place": (SOUNDS["en"], ("", "ton", "ford", " County", " Island")),
           "club": (SOUNDS["en"], ("", " United", " College", " City", " Bank"))},
}
COINED_SHARE = 0.6        # of the names of a kind that NAMES has too
SYLLABLES = {"zh": 4, "en": 2}          # of a coined name, at most

ROLES = {
    "zh": (
        ("club", ("{a}打败了{b}", "{b}被{a}打败了", "{b}输给了{a}", "{a}赢了{b}")),
        ("club", ("他离开{a}，加入了{b}", "他从{a}去了{b}", "他加入了{b}，此前在{a}")),
        ("club", ("{a}收购了{b}", "{b}被{a}收购了", "{b}卖给了{a}")),
        ("club", ("{a}后来改名为{b}", "{b}以前叫{a}", "{b}的前身是{a}")),
        ("person", ("{a}是{b}的父亲", "{b}的父亲是{a}", "{b}是{a}的孩子")),
        ("person", ("{a}比{b}高", "{b}没有{a}高", "{b}比{a}矮")),
        ("person", ("{a}比{b}早到", "{b}比{a}晚到", "{b}来的时候，{a}已经到了")),
        ("person", ("{a}借给{b}一笔钱", "{b}向{a}借了一笔钱", "{b}的钱是从{a}那里借的")),
        ("person", ("{a}教{b}数学", "{b}跟{a}学数学", "{b}的数学老师是{a}")),
        ("person", ("{a}给{b}写了一封信", "{b}收到了{a}的来信")),
        ("person", ("{a}批评了{b}", "{b}被{a}批评了", "{b}挨了{a}的批评")),
        ("person", ("{a}代替{b}去开会", "{b}没去开会，由{a}代替", "本来是{b}开会，换成{a}去了")),
        ("place", ("从{a}到{b}怎么走", "在{a}，怎么去{b}", "去{b}，从{a}出发要怎么走")),
        ("place", ("{a}飞往{b}的航班", "到{b}的航班，{a}出发", "由{a}起飞、抵达{b}的航班")),
        ("place", ("{a}在{b}的北边", "{b}在{a}的南边", "{b}的北面是{a}")),
        ("place", ("先去{a}再去{b}", "去{b}之前先去{a}", "去完{a}就去{b}")),
        ("place", ("{a}的人口比{b}多", "{b}的人口比{a}少")),
        ("place", ("他生于{a}，死于{b}", "他在{b}去世，出生在{a}", "他的出生地是{a}，在{b}逝世")),
        ("place", ("全家从{a}搬到了{b}", "全家搬到{b}，离开了{a}", "他们以前住{a}，现在住{b}")),
        ("account", ("怎么把{a}的钱转到{b}", "{a}的钱如何转入{b}", "往{b}转钱，用{a}怎么转")),
        ("account", ("用{a}还{b}可以吗", "{b}能不能用{a}还", "{b}可以拿{a}来还吗")),
        ("account", ("我想把{a}换成{b}", "不用{a}了，改成{b}", "怎样换{b}，原来是{a}")),
        ("thing", ("比起{a}，我更喜欢{b}", "我喜欢{b}胜过{a}", "{b}和{a}，我选{b}")),
        ("thing", ("先有{a}，后有{b}", "{b}出现在{a}之后", "{a}比{b}出现得早")),
        ("person", ("这部小说由{a}写成，由{b}译成英文", "{b}把{a}写的这部小说译成了英文", "{a}写了这部小说，英译者是{b}")),
        ("person", ("{a}作词，{b}作曲", "曲子是{b}谱的，词是{a}填的", "{b}谱了曲，词作者是{a}")),
        ("person", ("剧本由{a}编写，由{b}执导", "{b}执导了{a}编写的剧本", "导演是{b}，编剧是{a}")),
        ("person", ("{a}在三年后接替了{b}", "三年后，{b}由{a}接替", "{b}三年后的继任者是{a}")),
        ("person", ("{a}师从{b}，后来成为画家", "{b}的学生{a}后来成了画家", "后来成为画家的{a}是{b}的学生")),
        ("person", ("{a}在首轮击败了{b}", "{b}首轮负于{a}", "{b}在首轮被{a}淘汰")),
        ("person", ("{a}的角色由{b}扮演", "{b}扮演{a}", "{b}在剧中饰演{a}")),
        ("person", ("{a}任命{b}为总督", "{b}被{a}任命为总督", "由于{a}的任命，{b}当了总督")),
        ("person", ("{a}读了{b}的书后写信来", "读过{b}的书，{a}写了信来", "{a}写信来，是因为读了{b}的书")),
        ("place", ("它位于{a}以东、{b}以西", "它在{b}的西面、{a}的东面", "它西邻{a}，东靠{b}")),
        ("place", ("这条河发源于{a}，流入{b}", "这条河流入{b}，源头在{a}", "这条河从{a}流到{b}")),
        ("place", ("公司总部设在{a}，工厂在{b}", "公司的工厂在{b}，总部在{a}", "这家公司总部位于{a}，并在{b}设有工厂")),
        ("place", ("{a}是{b}的一部分", "{b}包括{a}在内", "{a}属于{b}")),
        ("place", ("他在{a}上学，后来在{b}任教", "他后来任教于{b}，此前就读于{a}", "在{a}毕业以后，他到{b}教书")),
        ("place", ("公路从{a}向北通到{b}", "公路由{b}向南通到{a}", "{b}有公路向南通往{a}")),
        ("place", ("该物种见于{a}，在{b}已经灭绝", "该物种在{b}已不复存在，但{a}仍有", "{a}有该物种，{b}的已灭绝")),
        ("club", ("{a}以三比一战胜{b}", "{b}以一比三负于{a}", "{b}一比三不敌{a}")),
        ("club", ("{a}并入了{b}", "{b}吸收了{a}", "{b}把{a}合并进来")),
        ("club", ("{a}隶属于{b}", "{b}管理着{a}", "{b}是{a}的上级")),
        ("club", ("他先为{a}效力，后来转会{b}", "他转会到{b}之前效力于{a}", "他后来效力于{b}，起初属于{a}")),
        ("year", ("始建于{a}年，{b}年重建", "{b}年重建，最初建于{a}年", "最初在{a}年建成，到{b}年又重建")),
        ("year", ("他{a}年入学，{b}年毕业", "他毕业于{b}年，{a}年入的学", "他从{a}年读到{b}年")),
        ("number", ("有男性{a}人、女性{b}人", "女性{b}人，男性{a}人", "男的有{a}名，女的有{b}名")),
        ("number", ("进口{a}吨，出口{b}吨", "出口{b}吨、进口{a}吨", "出口量是{b}吨，进口量是{a}吨")),
        ("colour", ("左边的门是{a}色，右边的是{b}色", "右边的门是{b}色，左边的是{a}色", "{a}色的门在左，{b}色的门在右")),
    ),
    "en": (
        ("club", ("{a} beat {b} in the final", "{b} lost the final to {a}", "{b} was beaten by {a} in the final")),
        ("club", ("He left {a} and joined {b}", "He moved from {a} to {b}", "He joined {b} after leaving {a}")),
        ("club", ("{a} bought {b}", "{b} was bought by {a}", "{b} was sold to {a}")),
        ("person", ("{a} is taller than {b}", "{b} is shorter than {a}", "{b} is not as tall as {a}")),
        ("person", ("{a} is the father of {b}", "The father of {b} is {a}", "{b} is the child of {a}")),
        ("person", ("{a} lent money to {b}", "{b} borrowed money from {a}", "{b} got a loan from {a}")),
        ("person", ("{a} taught {b} to swim", "{b} learnt to swim from {a}", "{b} was taught to swim by {a}")),
        ("person", ("{a} wrote a letter to {b}", "{b} received a letter from {a}")),
        ("place", ("A flight from {a} to {b}", "A flight to {b} leaving from {a}", "A flight that leaves {a} for {b}")),
        ("place", ("{a} lies north of {b}", "{b} lies south of {a}", "North of {b} lies {a}")),
        ("place", ("She was born in {a} and died in {b}", "She died in {b} and was born in {a}")),
        ("place", ("The family moved from {a} to {b}", "The family left {a} and moved to {b}")),
        ("thing", ("I like {a} more than {b}", "I prefer {a} to {b}", "I like {b} less than {a}")),
        ("person", ("{a} wrote the words and {b} the music", "The music is by {b}, the words are by {a}")),
        ("person", ("{a} succeeded {b} as mayor", "{b} was succeeded as mayor by {a}", "{a} became mayor after {b}")),
        ("person", ("{a} studied under {b}", "{b} was the teacher of {a}", "{a} was a student of {b}")),
        ("place", ("The river rises in {a} and ends in {b}", "The river ends in {b} and has its source in {a}")),
        ("place", ("It lies east of {a} and west of {b}", "It lies west of {b} and east of {a}")),
        ("place", ("{a} is a part of {b}", "{b} includes {a}", "{a} belongs to {b}")),
        ("club", ("{a} was merged into {b}", "{b} took over {a}", "{b} absorbed {a}")),
        ("year", ("It was built in {a} and rebuilt in {b}", "It was rebuilt in {b}, having been built in {a}")),
        ("number", ("There were {a} men and {b} women", "There were {b} women and {a} men")),
    ),
}

# What stays true when the names change places: an exchange alone is no other meaning.
SYMMETRIC = {
    "zh": (
        ("person", ("{a}和{b}结了婚", "{a}与{b}是邻居", "成员有{a}和{b}", "{a}同{b}一起创办了学校", "作者是{a}和{b}")),
        ("place", ("{a}与{b}之间有铁路相通", "分布于{a}和{b}", "它与{a}、{b}相邻", "他去过{a}和{b}", "{a}和{b}都下了雪")),
        ("club", ("{a}和{b}合并了", "{a}与{b}打成平手", "赞助者有{a}和{b}", "他曾为{a}和{b}效力")),
        ("number", ("编号是{a}和{b}", "他得过{a}分和{b}分")),
    ),
    "en": (
        ("person", ("{a} and {b} got married", "{a} and {b} were neighbours", "The authors are {a} and {b}")),
        ("place", ("It is found in {a} and {b}", "A railway connects {a} and {b}", "He has been to {a} and {b}")),
        ("club", ("{a} and {b} merged", "{a} and {b} drew", "The sponsors are {a} and {b}")),
    ),
}

VALUES = {
    "zh": (
        ("红 黄 蓝 绿 黑 白 灰 紫 粉".split(), "裙子 帽子 杯子 雨伞 衬衫 沙发 书包 手机壳 围巾 鞋".split(),
         ("想买{v}色的{n}", "有没有{v}{n}推荐", "帮我找找{v}色{n}", "我要{v}色的{n}", "来个{v}{n}吧", "请问{v}颜色的{n}有吗")),
        ("大 中 小".split(), "裙子 帽子 衬衫 箱子 碗 披萨".split(), ("{v}号的{n}还有吗", "请拿一个{v}号{n}", "我想要{v}的{n}")),
        ("一 三 五 六 十 二十".split(), "人 天 次 个月 公里".split(), ("一共{v}{n}", "总共有{v}{n}", "合计{v}{n}")),
        ("周一 周三 周五 周日 明天 后天".split(), "开会 比赛 考试 搬家 体检".split(), ("{v}{n}", "{n}定在{v}", "{n}的时间是{v}")),
        ("1 3 6 12 24".split(), "期 个月".split(), ("能不能分{v}{n}还", "可以分成{v}{n}还款吗", "我想{v}{n}还清")),
    ),
    "en": (
        ("red blue green black white yellow brown".split(), "dress hat cup umbrella shirt sofa bag".split(),
         ("I am looking for a {v} {n}", "Do you have a {n} in {v}", "Please bring me the {v} {n}")),
        ("two three five six ten".split(), "people days miles hours".split(),
         ("There are {v} {n} in total", "It comes to {v} {n}", "The total is {v} {n}")),
        ("Monday Wednesday Friday Sunday".split(), "meeting exam match party".split(),
         ("The {n} is on {v}", "On {v} there is the {n}", "They set the {n} for {v}")),
    ),
}

# Of two sides that say the contrary, each phrase with its twin.
STANCES = {
    "zh": (
        "游泳 数学 辣椒 跑步 西瓜 这家店 这首歌 这本书 这款手机 新同事 海边 这个软件".split(),
        (("我很喜欢{n}", "我不喜欢{n}"), ("我非常爱{n}", "我很讨厌{n}"), ("{n}我挺喜欢的", "{n}我不太喜欢")),
        (("{n}真不错", "{n}真差"), ("{n}很好", "{n}不好"), ("{n}太棒了", "{n}太糟了"), ("{n}挺好的", "{n}不怎么样")),
        (("我会去试试{n}", "我不会去试{n}"), ("我打算试一试{n}", "我没打算试{n}"), ("{n}我想试试", "{n}我不想试")),
    ),
    "en": (
        "swimming|maths|spicy food|running|this shop|this song|this book|the new phone|the beach".split("|"),
        (("I like {n}", "I do not like {n}"), ("I really enjoy {n}", "I really dislike {n}"),
         ("{n} is my thing", "{n} is not my thing")),
        (("{n} is great", "{n} is terrible"), ("I think {n} is good", "I think {n} is bad"),
         ("{n} is worth it", "{n} is not worth it")),
    ),
}

# What is asked about a thing (of a list, or of a kind of coined names): the phrases of one line ask the same, those of
# different lines do not.
INTENTS = {
    "zh": (
        ("人参 生姜 蜂蜜 枸杞 茶叶 豆浆 山药 木瓜 红枣 燕麦 大蒜 柠檬".split(),
         (("{n}有什么功效", "{n}有什么好处", "吃{n}有什么作用", "{n}的好处有哪些"),
          ("{n}怎么吃", "{n}的吃法", "如何食用{n}", "{n}要怎样吃"),
          ("{n}多少钱一斤", "{n}的价格", "{n}一斤卖多少钱", "现在{n}什么价"),
          ("{n}怎么保存", "{n}如何存放", "怎样保存{n}", "{n}的保存方法"),
          ("什么人不能吃{n}", "{n}有什么禁忌", "哪些人不适合吃{n}", "吃{n}的坏处"))),
        ("红烧肉 饺子 蛋糕 豆腐 面包 汤圆 月饼 鱼香肉丝 酸菜鱼 寿司".split(),
         (("{n}怎么做", "{n}的做法", "如何做{n}", "怎样制作{n}"), ("哪里的{n}好吃", "{n}哪家好吃", "好吃的{n}在哪"),
          ("{n}热量高吗", "吃{n}会胖吗", "{n}会不会让人发胖"), ("{n}是哪里的特产", "{n}来自哪个地方", "{n}起源于哪里"))),
        ("手机 电脑 相机 耳机 打印机 路由器 电视 平板 手表 键盘".split(),
         (("什么牌子的{n}好", "{n}哪个品牌好", "买{n}选什么牌子", "{n}什么牌子最好"),
          ("{n}坏了怎么办", "{n}不能用了如何处理", "{n}出故障了怎么修", "怎样修{n}"),
          ("{n}怎么用", "{n}的使用方法", "如何使用{n}"), ("{n}多少钱", "{n}的价格是多少", "买一个{n}要花多少"),
          ("{n}是谁发明的", "谁发明了{n}", "{n}的发明者"))),
        ("上海 广州 成都 西安 青岛 厦门 杭州 昆明 南京 大连".split(),
         (("{n}有什么好玩的", "{n}的景点有哪些", "去{n}玩什么", "{n}哪里好玩"), ("去{n}怎么坐车", "怎么到{n}", "{n}要怎么去"),
          ("{n}有什么好吃的", "{n}的特色小吃", "去{n}吃什么"), ("{n}有哪些大学", "{n}的高校", "{n}都有什么大学"),
          ("{n}在哪个省", "{n}属于什么省", "{n}是哪个省的城市"), ("{n}房价多少", "{n}的房子多少钱一平", "在{n}买房贵吗"))),
        ("感冒 咳嗽 失眠 头痛 胃痛 牙疼 过敏 高血压 便秘 鼻炎".split(),
         (("{n}吃什么药", "{n}用什么药好", "治{n}的药"), ("{n}是什么原因", "为什么会{n}", "{n}的病因", "怎么会{n}"),
          ("{n}不能吃什么", "{n}有哪些忌口", "{n}忌吃什么"), ("{n}怎么办", "{n}如何缓解", "怎样治{n}", "{n}该怎么治疗"),
          ("{n}挂什么科", "{n}去医院看什么科", "{n}看哪个科"))),
        ("会计 护士 律师 教师 司机 程序员 警察 厨师 翻译 设计师".split(),
         (("怎么当{n}", "如何成为{n}", "想做{n}要什么条件", "当{n}需要什么"),
          ("{n}工资多少", "{n}一个月能挣多少钱", "{n}的收入"), ("{n}是做什么的", "{n}的工作内容", "{n}每天干什么"),
          ("{n}有前途吗", "{n}这行怎么样", "当{n}好不好"))),
        ("梦见蛇 梦见牙掉了 打喷嚏 月食 海市蜃楼 打雷 流星".split(),
         (("{n}是什么意思", "{n}代表什么", "{n}有什么含义"), ("{n}怎么办", "遇到{n}该做什么"), ("为什么会{n}", "{n}是怎么回事"))),
        ("玫瑰 兰花 多肉 仓鼠 金鱼 乌龟 绿萝 鹦鹉".split(),
         (("怎么养{n}", "{n}的养殖方法", "如何养好{n}"), ("{n}有哪些品种", "{n}的种类", "{n}分几种"),
          ("{n}能活多久", "{n}的寿命", "{n}可以活多少年"), ("{n}的图片", "{n}长什么样", "看看{n}的照片"))),
        ("一寸光阴一寸金 少壮不努力 海内存知己 谁知盘中餐 野火烧不尽 欲穷千里目 会当凌绝顶 春眠不觉晓 独在异乡为异客".split(),
         (("{n}的上一句是什么", "{n}前一句", "{n}上面一句是啥"), ("{n}的下一句是什么", "{n}后一句", "{n}下面接什么"),
          ("{n}是什么意思", "{n}的含义", "{n}怎么解释"), ("{n}是谁写的", "{n}的作者", "谁写了{n}"),
          ("{n}头一个字什么意思", "{n}的第一个字怎么讲"), ("{n}出自哪里", "{n}的出处", "{n}是哪首诗里的"))),
        ("画蛇添足 守株待兔 井底之蛙 一鸣惊人 胸有成竹 亡羊补牢 叶公好龙 半途而废 滔滔不绝 津津有味 缩手缩脚".split(),
         (("{n}是什么意思", "{n}的意思是什么", "{n}怎么解释"), ("{n}的最后一个字是什么意思", "{n}末一字的意思"),
          ("{n}怎么造句", "用{n}造一个句子", "{n}造句"), ("{n}的近义词", "和{n}意思相近的词", "{n}的同义词是什么"),
          ("{n}的反义词", "和{n}意思相反的词", "{n}反义词是什么"), ("{n}的主人公是谁", "{n}说的是哪个人"))),
        ("语文 数学 英语 物理 化学 历史 地理 生物".split(),
         (("八年级上册{n}答案", "初二上学期{n}的答案", "谁有八上{n}答案"), ("八年级下册{n}答案", "初二下学期{n}的答案", "谁有八下{n}答案"),
          ("九年级上册{n}答案", "初三上学期{n}的答案"), ("八年级上册{n}课本", "初二上学期{n}的书", "八上{n}教材"),
          ("{n}怎么学好", "如何学好{n}", "学{n}有什么方法"), ("{n}老师怎么考", "如何当上{n}老师"))),
        ("title",
         (("{n}在哪里下载", "求{n}的下载地址", "哪儿能下{n}", "{n}有下载链接吗"), ("{n}好玩吗", "{n}好不好玩", "{n}值得玩吗"),
          ("{n}什么时候出第二部", "{n}第二部何时出", "{n}第二部出了没"), ("{n}的结局是什么", "{n}最后怎么样了", "{n}大结局"),
          ("{n}的主角是谁", "谁是{n}的主人公", "{n}主人公叫什么"), ("{n}的作者是谁", "谁写的{n}", "{n}是哪位作者写的"),
          ("{n}怎么升级快", "{n}升级最快的办法", "如何在{n}里快速升级"), ("和{n}差不多的有什么", "有没有类似{n}的", "推荐些像{n}那样的"),
          ("{n}主题曲叫什么", "{n}里的主题歌是哪首", "求{n}的主题曲名"), ("{n}一共多少集", "{n}有几集", "{n}总共几集"),
          ("{n}账号怎么注册", "如何注册{n}账号", "怎样申请{n}的账号"), ("{n}账号怎么注销", "如何删掉{n}账号", "不想要{n}账号了怎么删"))),
    ),
    "en": (
        ("coffee|honey|green tea|yoghurt|garlic|olive oil".split("|"),
         (("What are the benefits of {n}", "Why is {n} good for you", "How does {n} help your health"),
          ("How do I store {n}", "What is the best way to keep {n}"),
          ("How much does {n} cost", "What is the price of {n}"),
          ("Where does {n} come from", "What is the origin of {n}"))),
        ("laptop|camera|printer|bicycle|guitar|washing machine".split("|"),
         (("Which {n} should I buy", "What is the best {n}", "Can you recommend a {n}"),
          ("How do I repair a {n}", "My {n} is broken, what now", "How can I fix my {n}"),
          ("Who invented the {n}", "Who is the inventor of the {n}"),
          ("How do I use a {n}", "How does one use a {n}"))),
        ("Paris|Rome|Vienna|Boston|Lisbon|Oslo".split("|"),
         (("What can I see in {n}", "What are the sights of {n}"), ("How expensive is {n}", "Is life in {n} expensive"),
          ("How do I get to {n}", "What is the best way to reach {n}"),
          ("How many people live in {n}", "What is the population of {n}"))),
    ),
}

# Questions in which the names have roles; in frames only, as those of INTENTS.
QUESTION_ROLES = {
    "zh": (
        ("people", ("{a}一般喜欢什么样的{b}", "什么类型的{b}最讨{a}喜欢", "{a}最喜欢哪种{b}")),
        ("people", ("{a}为什么怕{b}", "{b}为什么让{a}害怕", "为什么{a}会怕{b}")),
        ("people", ("{a}送{b}什么礼物好", "给{b}送什么好，{a}送的", "{b}过生日，{a}送什么")),
        ("people", ("{a}比{b}多吗", "{b}有没有{a}多", "是不是{b}比{a}少")),
        ("people", ("{a}怎么照顾{b}", "{b}要{a}怎样照顾", "{a}该如何照料{b}")),
        ("clothes", ("浅色的{a}配什么颜色的{b}", "浅色{a}搭什么颜色{b}好看", "{b}要什么颜色才配浅色{a}")),
        ("clothes", ("{a}湿了，{b}没湿怎么办", "{b}没湿，就{a}湿了，怎么处理")),
        ("file", ("怎么把{a}转成{b}", "{a}如何转换为{b}", "想从{a}转到{b}怎么弄")),
        ("file", ("{a}里怎么插入{b}", "如何把{b}插到{a}里", "怎样在{a}中加{b}")),
        ("device", ("怎么用{a}控制{b}", "{b}怎么让{a}来控制", "如何拿{a}操控{b}")),
        ("device", ("{a}里的东西怎么传到{b}", "怎样从{a}传到{b}", "{b}怎么接收{a}的东西")),
        ("place", ("{a}到{b}的火车几点", "去{b}的火车几点从{a}开", "从{a}开往{b}的火车时间")),
    ),
    "en": (
        ("place", ("How do I get from {a} to {b}", "What is the way to {b} from {a}")),
        ("thing", ("Why is {a} better than {b}", "Why is {b} worse than {a}")),
    ),
}

# As VALUES, in questions: the words may move about, and two things that are compared change places.
QUESTION_VALUES = {
    "zh": (
        ("上海 广州 成都 西安 青岛 杭州 苏州 南京".split(),
         "免费的公园 便宜的酒店 好吃的火锅店 安静的书店 有名的小吃 靠谱的驾校 女装批发市场".split(),
         ("{v}{n}有哪些", "{v}有哪些{n}", "{n}{v}有没有", "{v}哪儿有{n}", "哪里有{n}，{v}的", "求推荐{v}的{n}")),
        ("免费的公园 便宜的酒店 好吃的火锅店 安静的书店 有名的小吃".split(), "上海 广州 成都 西安 青岛 杭州".split(),
         ("{n}{v}有哪些", "{n}有哪些{v}", "{v}{n}有没有", "{n}哪儿有{v}")),
        ("微信 淘宝 邮箱 网盘 电脑 手机".split(), "聊天记录 余额 照片 通知 联系人 订单".split(),
         ("{v}里的{n}怎么删", "{v}的{n}如何删除", "怎样删掉{v}里面{n}", "怎么在{v}里删{n}", "想把{v}中的{n}删了咋弄")),
        ("春节 国庆 暑假 周末 元旦".split(), "海南 云南 西藏 日本 泰国 三亚".split(),
         ("{v}去{n}旅游多少钱", "去{n}旅游{v}大约多少钱", "{v}{n}旅游要花多少", "{v}期间去{n}玩一趟得多少钱")),
        ("七年级 八年级 九年级 高一 高二".split(), "化学下册 数学上册 语文下册 英语上册 物理下册".split(),
         ("{v}{n}练习册答案", "{n}{v}练习册的答案", "求{v}{n}的练习册答案", "谁有{v}{n}练习册答案")),
        ("红枣 枸杞 牛奶 豆浆 绿茶 咖啡 橙汁".split(), "蜂蜜 鸡蛋 燕麦 香蕉 生姜 花生".split(),
         ("{v}和{n}能一起吃吗", "{n}跟{v}可以同时吃吗", "{n}能与{v}一块儿吃么", "同时吃{v}与{n}行不行")),
        ("北大 清华 复旦 浙大 武大 南大".split(), "中大 厦大 川大 山大 同济 南开".split(),
         ("{v}和{n}哪个好", "{n}跟{v}哪个更好", "选{n}还是{v}", "{v}好还是{n}好", "{n}与{v}相比哪一个强")),
        ("女朋友 妈妈 老师 同学 同事 老公".split(), "生日 结婚纪念日 搬家 升职 毕业".split(),
         ("{v}{n}送什么礼物好", "{n}给{v}送什么", "{v}{n}了，买什么礼物", "给{v}送{n}礼物选什么好")),
    ),
    "en": (
        ("Paris|Rome|Vienna|Boston".split("|"), "free museums|cheap hotels|quiet parks|good bakeries".split("|"),
         ("What {n} are there in {v}", "In {v}, are there {n}", "Where in {v} do I find {n}")),
    ),
}

# Put before or after a thing they make another of it.
ALTERED = {"zh": "小{} 大{} 新{} 老{} 白{} 黑{} 水{} 野{} 电动{} 国产{} 二手{} 儿童{} 迷你{} 进口{} 副{} {}粉 {}汁 {}机 {}片 {}套装".split(),
           "en": "small {}|old {}|wild {}|electric {}|used {}|mini {}|{} powder|{} case".split("|")}

# What customers ask of a service: of one line the same, with the service's name or without. Unlike INTENTS the words
# of one line share little, and those of neighbouring lines much.
SERVICES = {
    "zh": (
        ("微粒贷 借呗 花呗 白条 小贷 信用贷 快贷 有钱花 备用金 拿去花".split(), (
            ("怎样才能用上{n}", "开通要满足什么条件", "要达到什么要求才给开{n}", "{n}的开通资格是什么", "哪些人能办{n}", "需要什么条件才有资格"),
            ("{n}怎么打开使用", "我想开通{n}", "帮我把{n}开起来", "开通的步骤", "申请{n}的流程是什么", "咋申请", "在哪里申请{n}"),
            ("我怎么没有{n}", "找不到{n}在哪", "{n}那一栏怎么没了", "我这里看不到{n}", "为啥别人有{n}我没有", "页面上没有这一项"),
            ("什么时候邀请我", "{n}啥时候能轮到我", "多久才对我开放{n}", "一直没收到邀请", "还要等多长时间才给我开{n}"),
            ("不想要{n}了", "怎么把{n}关掉", "如何注销{n}", "{n}可以关闭吗", "我要销户", "停用{n}怎么弄", "取消{n}账户"),
            ("刚申请的借款不要了", "借错了能撤销吗", "款没到账之前怎么取消", "这一笔不想借了怎么撤回", "能不能撤销{n}的申请"),
            ("{n}的利息怎么算", "按多少利率算", "借一万一天付多少利息", "日息几个点", "{n}年化多少", "利息是如何计收的"),
            ("除了利息还收别的钱吗", "{n}有没有手续费", "会另外扣费吗", "是否有其他费用", "要不要交服务费"),
            ("{n}能提前还吗", "想早点把钱还掉", "可不可以提前结清", "没到日子就还行不行", "提前把剩下的一次还完"),
            ("提前还要付违约金吗", "早还{n}收不收费", "提前结清有没有额外费用", "没到期就还会罚钱吗"),
            ("哪天还款", "{n}的还款日是几号", "每个月几号扣钱", "什么日子要还{n}"),
            ("还款日能改吗", "想把{n}还款日期换一天", "扣款日可以调整吗", "怎么变更还款的日子"),
            ("还款日几点扣", "当天最晚什么时候还", "扣款是在几点", "{n}到期那天晚上还算不算逾期"),
            ("这个月还不上怎么办", "能晚几天还{n}吗", "可以延期还款吗", "手头没钱想缓一缓再还", "{n}能宽限几天吗"),
            ("逾期了会怎样", "{n}晚还了有什么后果", "忘记还款影响征信吗", "拖欠{n}会不会上征信"),
            ("可以借多少", "{n}的额度是多少", "最多能贷几万", "给我多少额度", "最高能借到多少钱"),
            ("额度怎么变少了", "{n}降额是什么原因", "为什么把我的额度调低", "我的可用额度没了"),
            ("怎样提高额度", "{n}能提额吗", "想多借一点怎么提升额度", "额度太低怎么加"),
            ("钱多久到账", "借了怎么还没到卡里", "{n}放款要多长时间", "款什么时候下来", "几分钟能收到钱"),
            ("审核为什么不过", "{n}被拒了是什么原因", "综合评估没通过", "申请总是失败", "说我不符合要求是怎么回事"),
            ("审核要几天", "{n}审批多久出结果", "什么时候知道通没通过", "还在审核中要等多久"),
            ("没接到确认电话", "电话来的时候没听见", "能再打给我一次吗", "错过了{n}的来电怎么办", "请重新来电"),
            ("什么时候给我打电话", "{n}的确认电话多久打来", "一直没人联系我", "等了一天都没有来电"),
            ("换一张银行卡", "{n}绑的卡怎么换", "想用别的卡收款", "绑定的卡注销了怎么改", "改绑另一张卡"),
            ("哪些银行的卡可以用", "{n}能用什么银行的卡", "我的卡不支持吗", "哪几家银行可以绑"),
            ("手机号换了怎么改", "原来的号码不用了", "{n}预留的电话怎么更新", "修改绑定的手机号"),
            ("验证码收不到", "短信没有发过来", "{n}为什么不发验证码", "获取不了验证码"),
            ("密码忘了", "{n}密码怎么找回", "想重新设置密码", "不记得支付密码怎么办"),
            ("密码错了太多次被锁", "输错密码几次会锁定", "{n}密码锁住了怎么解"),
            ("还了钱怎么还显示没还", "已经还款但是没更新", "{n}还款成功了吗", "扣没扣成功怎么看"),
            ("怎么没自动扣款", "{n}卡里有钱却没扣", "到日子了不扣钱", "为什么还款日没有划走"),
            ("要开结清证明", "还完{n}怎么拿凭证", "哪里能下载还清的证明", "提供一份结清的材料"),
            ("在哪看借款合同", "{n}的合同怎么查", "能不能把合同发给我", "合同能下载吗"),
            ("客服的电话号码", "怎样找{n}人工", "转人工客服", "你们的热线号码", "怎么联系{n}的人"),
            ("{n}可靠吗", "这是不是骗人的", "真的假的", "安不安全", "{n}正规吗"),
            ("{n}是哪家公司的", "你们是什么银行办的", "这是谁家的产品", "{n}背后是哪家"),
            ("还清后还能再借吗", "{n}可以循环借吗", "还完多久能再贷", "第二次能不能借"),
            ("同时能借几笔", "没还完能再借一笔{n}吗", "可以多次借吗", "上一笔还在还，还可以借吗"),
            ("{n}能分几期", "最长可以借多久", "有哪些期限可选", "可以分多少个月还"),
            ("别人能替我还吗", "用朋友的卡还{n}", "可以让家人代还吗", "不是本人的卡能不能还"),
            ("零钱可以还吗", "{n}能用余额还款吗", "能不能直接拿钱包里的钱还", "支持余额还吗"),
            ("借的钱能取现吗", "{n}可以提现不", "怎么把额度变成现金", "能转到银行卡取出来吗"),
            ("苹果手机能用吗", "{n}只支持安卓吗", "我的手机型号用不了", "什么手机可以开{n}"),
            ("身份信息不对怎么办", "{n}提示资料有误", "身份证信息错误", "证件校验没通过"),
            ("身份证过期了要更新吗", "{n}上怎么换新身份证", "证件到期如何重新上传"),
            ("有免息的活动吗", "{n}的免息券怎么用", "优惠券在哪里领", "有没有利息折扣"),
        )),
    ),
    "en": (
        ("loan|credit card|account|wallet".split("|"), (
            ("How do I open a {n}", "I want to apply for a {n}", "What are the steps to get a {n}"),
            ("How do I close my {n}", "Please cancel my {n}", "I no longer want the {n}"),
            ("What interest does the {n} have", "How is the interest worked out", "What is the rate of the {n}"),
            ("Are there any fees", "Does the {n} cost extra", "What are the charges of the {n}"),
            ("Why was I turned down", "My {n} was refused", "The application failed, why"),
            ("The code did not arrive", "I do not get the text message", "No verification code came"),
            ("How long until the money arrives", "When do I get paid", "The transfer has not come yet"),
            ("I forgot my password", "How can I reset the password", "The password of the {n} is lost"),
            ("I have a new phone number", "How do I change my number", "The number of the {n} is not mine any more"),
        )),
    ),
}

FRAMES = {"zh": ("{}", "{}", "{}。", "据说{}。", "听说{}", "后来{}。", "2008年，{}。"),
          "en": ("{}", "{}.", "{}.", "They say: {}.", "In 2008: {}.")}

JOINTS = {"zh": (("，", "。"), ("。", "。"), ("；", "。")), "en": ((", ", "."), (". ", "."), ("; ", "."), (" and ", "."))}

# Bare questions of this kind stand in every set of questions, the evaluation's too; in these frames they do not.
QUESTION_FRAMES = {"zh": ("各位，{}", "麻烦问下{}", "{}，谢谢了", "有人知道吗：{}", "我想了解一下{}？", "急问：{}", "{}？求高人指点",
                          "朋友们，{}", "亲，{}？", "求助，{}？在线等", "{}呢？谢谢大家", "大神们{}啊", "{}，知道的说一下", "请教{}？",
                          "跪求，{}", "{}，求大神帮帮忙", "大家说说{}", "想问下{}呀", "{}，急急急", "谁知道{}，万分感谢",
                          "你好，{}", "您好！{}？", "{}，麻烦了", "弱弱地问一句{}", "哪位懂的讲讲{}", "如题，{}", "{}？坐等回复"),
                   "en": ("Hello, {}?", "Please tell me: {}?", "{}, please?", "Question: {}?")}
